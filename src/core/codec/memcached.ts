// The memcached codec: its parameters, what a command means, and its encoder.
import {
  CODEC_MAX_FRAME,
  CODEC_MAX_KEY,
  CODEC_MAX_LINE,
  CODEC_MEMCACHED,
  MEMCACHED_DATA,
} from '../../../assembly/codec/abi.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { ByteWriter } from './byte-writer.ts'
import { type Codec, codec, integer, wordsOf } from './codec.ts'

/** Limits of memcached. */
export interface MemcachedOptions {
  /** Longest key in bytes. 250 by default. */
  readonly maxKeyLength?: number
  /** Longest data block in bytes; longer ones are swallowed, not kept. 1 MiB by default. */
  readonly maxItemSize?: number
  /** Longest command line in bytes without its end. 8,192 by default; more for a `get` of hundreds of keys. */
  readonly maxLine?: number
}

/** A command of the text protocol. */
export interface MemcachedCommand {
  /** The words of its line, the command's name first. */
  readonly words: readonly Uint8Array[]
  /** The data block of a storage command. */
  readonly data?: Uint8Array
}

/** memcached's text protocol, classic and meta commands: what clients send. */
export function memcached(options: MemcachedOptions = {}): Codec<MemcachedCommand> {
  const key = integer('maxKeyLength', options.maxKeyLength ?? 250, 1, KEY_MAX)
  const item = integer('maxItemSize', options.maxItemSize ?? 1 << 20, 0, ITEM_MAX)
  const line = integer('maxLine', options.maxLine ?? 8192, LINE_MIN, LINE_MAX)
  const plain = codec('memcached', CODEC_MEMCACHED, (view, at) => {
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(item), true)
    view.setUint32(at + CODEC_MAX_LINE, line, true)
    view.setUint32(at + CODEC_MAX_KEY, key, true)
  })
  return {
    ...plain,
    message(frame) {
      const last = frame.parts - 1
      if (frame.partKind(last) !== MEMCACHED_DATA) return { words: wordsOf(frame, frame.parts) }
      return { words: wordsOf(frame, last), data: frame.partBytes(last).slice() }
    },
  }
}

// Ranges of the parameters.
const KEY_MAX = 65535
const ITEM_MAX = 1 << 30
const LINE_MIN = 16
const LINE_MAX = 1 << 24

/** A command as bytes. Throws where a word would not stay one word, or where the line announces another length. */
export function encodeMemcached(command: {
  readonly words: readonly (Uint8Array | string | number | bigint)[]
  readonly data?: Uint8Array | string
}): Uint8Array {
  const words = command.words.map((word) => (word instanceof Uint8Array ? word : utf8.encode(String(word))))
  if (words.length === 0) throw new InvalidArgumentError('words', 'a command and its arguments', command.words)
  const out = new ByteWriter()
  words.forEach((word, i) => {
    if (word.length === 0 || word.some(ends)) {
      throw new InvalidArgumentError(`words[${i}]`, 'bytes without blanks, line ends and NUL', command.words[i])
    }
    if (i > 0) out.text(' ')
    out.put(word)
  })
  out.text('\r\n')
  const data = typeof command.data === 'string' ? utf8.encode(command.data) : command.data
  const announced = announcedBy(words.map((word) => latin1.decode(word)))
  if (announced !== data?.length) {
    throw new InvalidArgumentError('data', `as long as the line says (${announced ?? 'no data'})`, data?.length)
  }
  if (data !== undefined) {
    out.put(data)
    out.text('\r\n')
  }
  return out.bytes()
}

const STORAGE = new Set(['set', 'add', 'replace', 'append', 'prepend', 'cas'])
const utf8 = new TextEncoder()
const latin1 = new TextDecoder('latin1')

function ends(byte: number): boolean {
  return byte === 32 || byte === 13 || byte === 10 || byte === 0
}

/** Length of the data block that a line announces. */
function announcedBy(words: readonly string[]): number | undefined {
  const [command] = words
  if (command === 'ms') {
    const old = words.slice(2).find((word) => /^S\d+$/.test(word))
    return Number(/^\d+$/.test(words[2] ?? '') ? words[2] : old?.slice(1))
  }
  return STORAGE.has(command ?? '') ? Number(words[4]) : undefined
}
