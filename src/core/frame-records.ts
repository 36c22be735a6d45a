// Copying a frame out of memory that is about to be used again: its bytes, its record, and those of its parts.
import { RECORD_AT, RECORD_BYTES, RECORD_EXTRA, RECORD_LENGTH } from '../../assembly/codec/abi.ts'

/** A memory with blocks to keep bytes in. */
export interface HoldingMemory {
  readonly bytes: Uint8Array
  /** Address of a block of that many bytes; throws where there is none. */
  hold(bytes: number): number
  drop(at: number): void
}

const WORDS = RECORD_BYTES / 4
const AT = RECORD_AT / 4
const LENGTH = RECORD_LENGTH / 4
const EXTRA = RECORD_EXTRA / 4

/**
 * Copies the frame at record `i` (in words) of `source` into a block of its own, which the caller drops. With `inside`
 * there is room for the records at its begin, which the caller fills. `bytes`: of the block.
 */
export function copyRecords(
  memory: HoldingMemory,
  source: Uint32Array,
  i: number,
  inside = false,
): { at: number; bytes: number; records: Uint32Array } {
  const records = source.slice(i, i + WORDS + (source[i + EXTRA] as number) * WORDS)
  const from = records[AT] as number
  const length = records[LENGTH] as number
  const before = inside ? records.byteLength : 0
  let bytes = before + length
  // a part that was unescaped lies elsewhere
  const outside = (r: number): boolean =>
    (((records[r + AT] as number) - from) >>> 0) + (records[r + LENGTH] as number) > length
  for (let r = WORDS; r < records.length; r += WORDS) if (outside(r)) bytes += records[r + LENGTH] as number
  const at = memory.hold(Math.max(1, bytes))
  const body = at + before
  const to = memory.bytes
  to.copyWithin(body, from, from + length)
  let next = body + length
  for (let r = WORDS; r < records.length; r += WORDS) {
    const part = records[r + AT] as number
    if (part === 0) continue // a null
    if (outside(r)) {
      to.copyWithin(next, part, part + (records[r + LENGTH] as number))
      records[r + AT] = next
      next += records[r + LENGTH] as number
    } else {
      records[r + AT] = part - from + body
    }
  }
  records[AT] = body
  return { at, bytes, records }
}
