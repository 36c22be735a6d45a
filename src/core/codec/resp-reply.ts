// What a RESP reply means: values out of the parts of a frame. No recursion, however deep a reply goes.
import type { Frame } from '../frame.ts'
import { RESP_TYPE, RespAttributed, RespError, RespPush, type RespValue, RespVerbatim } from './resp-value.ts'

/** One element of a reply, in the order of the stream: an aggregate before what is in it. */
export interface RespToken {
  /** The byte it begins with: `+`, `$`, `*`, … */
  readonly type: string
  /** What it says, without header and end; null where it is a null. Of an aggregate: nothing. */
  readonly bytes: Uint8Array | null
  /** How many elements an aggregate announces; two for each pair of a map. */
  readonly count: number
}

/** The elements of a reply, undecoded. Copies. */
export function respTokens(frame: Frame): RespToken[] {
  const tokens: RespToken[] = []
  for (let i = 0; i < frame.parts; i++) {
    tokens.push({
      type: String.fromCharCode(frame.partKind(i)),
      bytes: frame.partExists(i) ? frame.partBytes(i).slice() : null,
      count: frame.partExtra(i),
    })
  }
  return tokens
}

/** An aggregate that waits for its elements, or an attribute for what follows it. */
interface Open {
  readonly type: number
  readonly items: RespValue[]
  readonly count: number
  readonly attributes?: ReadonlyMap<RespValue, RespValue>
}

/** The value of a reply. */
export function respMessage(frame: Frame): RespValue {
  const open: Open[] = []
  for (let i = 0; i < frame.parts; i++) {
    const type = frame.partKind(i)
    const count = frame.partExtra(i)
    if (count > 0) {
      open.push({ type, items: [], count })
      continue
    }
    if (type === RESP_TYPE.attribute) {
      open.push({ type, items: [], count: 1, attributes: new Map() })
      continue
    }
    let value = leaf(frame, i, type)
    // an aggregate ends with its last element, and may be the last one of another
    for (;;) {
      const top = open.at(-1)
      if (top === undefined) return value
      top.items.push(value)
      if (top.items.length < top.count) break
      open.pop()
      if (top.type === RESP_TYPE.attribute && top.attributes === undefined) {
        open.push({ type: top.type, items: [], count: 1, attributes: mapOf(top.items) })
        break
      }
      value = aggregate(top)
    }
  }
  throw new RangeError('the parts of a reply end inside of it')
}

function leaf(frame: Frame, i: number, type: number): RespValue {
  if (!frame.partExists(i)) return null
  switch (type) {
    case RESP_TYPE.simple:
      return frame.partText(i)
    case RESP_TYPE.error:
    case RESP_TYPE.bulkError:
      return new RespError(frame.partText(i))
    case RESP_TYPE.integer:
      return integerOf(frame.partText(i))
    case RESP_TYPE.bulk:
      return frame.partBytes(i).slice()
    case RESP_TYPE.boolean:
      return frame.partText(i) === 't'
    case RESP_TYPE.double:
      return doubleOf(frame.partText(i))
    case RESP_TYPE.big:
      return bigOf(frame.partText(i))
    case RESP_TYPE.verbatim: {
      const bytes = frame.partBytes(i)
      return new RespVerbatim(String.fromCharCode(...bytes.subarray(0, 3)), bytes.slice(4))
    }
    default:
      return aggregate({ type, items: [], count: 0 })
  }
}

function aggregate({ type, items, attributes }: Open): RespValue {
  if (attributes !== undefined) return new RespAttributed(attributes, items[0] as RespValue)
  if (type === RESP_TYPE.map) return mapOf(items)
  if (type === RESP_TYPE.set) return new Set(items)
  return type === RESP_TYPE.push ? new RespPush(items) : items
}

function mapOf(items: readonly RespValue[]): Map<RespValue, RespValue> {
  const map = new Map<RespValue, RespValue>()
  for (let i = 0; i < items.length; i += 2) map.set(items[i] as RespValue, items[i + 1] as RespValue)
  return map
}

function integerOf(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : bigOf(text)
}

/** BigInt knows no plus. */
function bigOf(text: string): bigint {
  return BigInt(text.startsWith('+') ? text.slice(1) : text)
}

function doubleOf(text: string): number {
  if (text.endsWith('nan')) return Number.NaN
  if (text.endsWith('inf')) return text.startsWith('-') ? -Infinity : Infinity
  return Number(text)
}
