// Encoders of RESP: a command, or any reply, as bytes. On any host; no recursion, however deep a value goes.
import { InvalidArgumentError } from '../invalid-argument.ts'
import { ByteWriter } from './byte-writer.ts'
import { RespAttributed, RespError, RespPush, type RespValue, RespVerbatim } from './resp-value.ts'

/** A request: an array of bulk strings. Text becomes UTF-8, numbers become decimal. */
export function encodeCommand(words: readonly (Uint8Array | string | number | bigint)[]): Uint8Array {
  if (words.length === 0) throw new InvalidArgumentError('words', 'a command and its arguments', words)
  const out = new ByteWriter()
  out.text(`*${words.length}\r\n`)
  for (const word of words) bulk(out, '$', word instanceof Uint8Array ? word : utf8.encode(String(word)))
  return out.bytes()
}

/**
 * A reply, in RESP2 unless told. What RESP2 has no type for becomes what Redis makes of it there: a map or set becomes
 * an array, a double or big number a bulk string, a boolean 1 or 0; attributes fall away. Text of several lines becomes
 * a bulk string; whole numbers become integers.
 */
export function encodeReply(value: RespValue, version: 2 | 3 = 2): Uint8Array {
  if (version !== 2 && version !== 3) throw new InvalidArgumentError('version', '2 or 3', version)
  const out = new ByteWriter()
  // what is still to be written, the next at the end
  const todo: Iterator<RespValue>[] = [[value].values()]
  for (let top = todo.at(-1); top !== undefined; top = todo.at(-1)) {
    const { done, value: next } = top.next()
    if (done === true) todo.pop()
    else reply(out, next, version === 3, todo)
  }
  return out.bytes()
}

function reply(out: ByteWriter, value: RespValue, resp3: boolean, todo: Iterator<RespValue>[]): void {
  switch (typeof value) {
    case 'string':
      if (/[\r\n]/.test(value)) bulk(out, '$', utf8.encode(value))
      else out.text(`+${value}\r\n`)
      return
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) out.text(`:${value}\r\n`)
      else double(out, value, resp3)
      return
    case 'bigint':
      big(out, value, resp3)
      return
    case 'boolean':
      out.text(resp3 ? `#${value ? 't' : 'f'}\r\n` : `:${value ? 1 : 0}\r\n`)
      return
  }
  if (value === null) out.text(resp3 ? '_\r\n' : '$-1\r\n')
  else if (value instanceof Uint8Array) bulk(out, '$', value)
  else if (value instanceof RespError) error(out, value.message, resp3)
  else if (value instanceof RespVerbatim) verbatim(out, value, resp3)
  else if (value instanceof RespAttributed) {
    todo.push([value.value].values())
    if (resp3) pairs(out, '|', value.attributes, todo)
  } else if (value instanceof RespPush) {
    if (todo.length > 1) throw new InvalidArgumentError('value', 'no push inside a reply', value)
    many(out, resp3 ? '>' : '*', value.values.length, value.values.values(), todo)
  } else if (Array.isArray(value)) many(out, '*', value.length, value.values(), todo)
  else if (value instanceof Set) many(out, resp3 ? '~' : '*', value.size, value.values(), todo)
  else if (value instanceof Map) {
    if (resp3) pairs(out, '%', value, todo)
    else many(out, '*', 2 * value.size, flat(value), todo)
  } else throw new InvalidArgumentError('value', 'a value that RESP has a type for', value)
}

function many(
  out: ByteWriter,
  type: string,
  count: number,
  of: Iterator<RespValue>,
  todo: Iterator<RespValue>[],
): void {
  out.text(`${type}${count}\r\n`)
  todo.push(of)
}

function pairs(
  out: ByteWriter,
  type: string,
  map: ReadonlyMap<RespValue, RespValue>,
  todo: Iterator<RespValue>[],
): void {
  many(out, type, map.size, flat(map), todo)
}

function* flat(map: ReadonlyMap<RespValue, RespValue>): Generator<RespValue> {
  for (const [key, value] of map) {
    yield key
    yield value
  }
}

function bulk(out: ByteWriter, type: string, bytes: Uint8Array): void {
  out.text(`${type}${bytes.length}\r\n`)
  out.put(bytes)
  out.text('\r\n')
}

function error(out: ByteWriter, message: string, resp3: boolean): void {
  if (!/[\r\n]/.test(message)) out.text(`-${message}\r\n`)
  else if (resp3) bulk(out, '!', utf8.encode(message))
  else out.text(`-${message.replace(/[\r\n]/g, ' ')}\r\n`)
}

function verbatim(out: ByteWriter, { format, bytes }: RespVerbatim, resp3: boolean): void {
  if (!resp3) {
    bulk(out, '$', bytes)
    return
  }
  const head = utf8.encode(format)
  if (head.length !== 3) throw new InvalidArgumentError('format', 'three letters', format)
  out.text(`=${bytes.length + 4}\r\n${format}:`)
  out.put(bytes)
  out.text('\r\n')
}

/** What an integer of 64 bits holds is one, but for what a number can hold too: so that it stays a bigint. */
function big(out: ByteWriter, value: bigint, resp3: boolean): void {
  const integer = BigInt.asIntN(64, value) === value
  const small = integer && BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER)
  if (integer && !(small && resp3)) out.text(`:${value}\r\n`)
  else if (resp3) out.text(`(${value}\r\n`)
  else bulk(out, '$', utf8.encode(String(value)))
}

function double(out: ByteWriter, value: number, resp3: boolean): void {
  let text = Object.is(value, -0) ? '-0' : String(value)
  if (!Number.isFinite(value)) text = text.toLowerCase().replace('infinity', 'inf')
  if (resp3) out.text(`,${text}\r\n`)
  else bulk(out, '$', utf8.encode(text))
}

const utf8 = new TextEncoder()
