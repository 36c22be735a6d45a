// Values of RESP that JavaScript has no type for.

/** What a reply means, and what `encodeReply` takes. Bulk strings are bytes; bigints stand for what is beyond 2^53. */
export type RespValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | RespError
  | RespVerbatim
  | RespPush
  | RespAttributed
  | readonly RespValue[]
  | ReadonlyMap<RespValue, RespValue>
  | ReadonlySet<RespValue>

/** An error reply: `message` as it came, without the leading '-'. */
export class RespError extends Error {
  /** Its first word: ERR, MOVED, WRONGTYPE, … */
  readonly code: string

  constructor(message: string) {
    super(message)
    this.name = 'RespError'
    this.code = message.split(' ', 1)[0] as string
  }
}

/** A verbatim string: text in a format of three letters. */
export class RespVerbatim {
  /** `txt`, `mkd`, … */
  readonly format: string
  readonly bytes: Uint8Array

  constructor(format: string, bytes: Uint8Array) {
    this.format = format
    this.bytes = bytes
  }
}

/** What a server says without having been asked. */
export class RespPush {
  readonly values: readonly RespValue[]

  constructor(values: readonly RespValue[]) {
    this.values = values
  }
}

/** A value that attributes stood before. */
export class RespAttributed {
  readonly attributes: ReadonlyMap<RespValue, RespValue>
  readonly value: RespValue

  constructor(attributes: ReadonlyMap<RespValue, RespValue>, value: RespValue) {
    this.attributes = attributes
    this.value = value
  }
}

/** @internal The byte that a type begins with. */
export const RESP_TYPE = {
  simple: 43, // +
  error: 45, // -
  integer: 58, // :
  bulk: 36, // $
  array: 42, // *
  null: 95, // _
  boolean: 35, // #
  double: 44, // ,
  big: 40, // (
  bulkError: 33, // !
  verbatim: 61, // =
  map: 37, // %
  set: 126, // ~
  push: 62, // >
  attribute: 124, // |
} as const
