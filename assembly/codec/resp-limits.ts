// What the RESP request decoder is held to, how it fails, and where a failure was certain.

import * as abi from './abi'

// What decode and scan return where they do not return a length: −1 − (ERROR_* − ERROR_RESP) where the host knows it.
export const RESP_INCOMPLETE: i32 = 0
export const RESP_BAD_MULTIBULK: i32 = -1
export const RESP_BAD_BULK: i32 = -2
export const RESP_EXPECTED_BULK: i32 = -3 // respGot holds the byte that came instead of '$'
export const RESP_UNBALANCED: i32 = -4
export const RESP_BIG_INLINE: i32 = -5
export const RESP_BIG_COUNT: i32 = -6
export const RESP_BIG_BULK_COUNT: i32 = -7
export const RESP_NO_CRLF: i32 = -8
export const RESP_UNAUTHENTICATED_MULTIBULK: i32 = -9
export const RESP_UNAUTHENTICATED_BULK: i32 = -10
export const RESP_NO_MEMORY: i32 = -11
export const RESP_CROSS_PROTOCOL: i32 = -12
export const RESP_REPLY_TYPE: i32 = -13 // respGot holds the byte that begins no reply
export const RESP_REPLY_LINE: i32 = -14
export const RESP_REPLY_LINE_END: i32 = -15
export const RESP_REPLY_VALUE: i32 = -16
export const RESP_REPLY_DEPTH: i32 = -17
export const RESP_REPLY_PUSH: i32 = -18

/** Longest header or inline line, in bytes without its end (PROTO_INLINE_MAX_SIZE of Redis). */
export const RESP_LINE_MAX: u32 = 65536
/** Longest argument (proto-max-bulk-len of Redis). */
export const RESP_BULK_MAX: u32 = 536870912
/** Most arguments of one command. */
export const RESP_ELEMENTS_MAX: u32 = 1048576

// The limits in effect: those above, but for the length of a call of a codec that has its own.
export let lineMax: u32 = RESP_LINE_MAX
export let bulkMax: u32 = RESP_BULK_MAX
export let elementsMax: u32 = RESP_ELEMENTS_MAX
export let restricted: bool = false

/** The byte behind RESP_EXPECTED_BULK and RESP_REPLY_TYPE. */
export let respGot: u32 = 0
/** Behind any error: the address after the byte that made it certain, however the bytes were cut. */
export let respWrongAt: usize = 0

/** The limits of a codec are in effect until respUsual. */
export function respLimits(codec: usize): void {
  lineMax = load<u32>(codec, abi.CODEC_MAX_LINE)
  bulkMax = <u32>load<u64>(codec, abi.CODEC_MAX_FRAME)
  elementsMax = load<u32>(codec, abi.CODEC_MAX_ELEMENTS)
}

/** Redis's own limits are in effect again. */
export function respUsual(): void {
  lineMax = RESP_LINE_MAX
  bulkMax = RESP_BULK_MAX
  elementsMax = RESP_ELEMENTS_MAX
}

/** Before authentication: at most 10 arguments of 16 KiB (Redis, CVE-2021-32675). */
// @ts-ignore: decorator
@inline
export function respRestrict(on: bool): void {
  restricted = on
}

/** Notes where `error` was certain, and returns it. */
export function respWrong(error: i32, at: usize): i32 {
  respWrongAt = at
  return error
}

/** As respWrong, of a byte that should not stand at `at`. */
export function respUnexpected(error: i32, at: usize): i32 {
  respGot = load<u8>(at)
  respWrongAt = at + 1
  return error
}
