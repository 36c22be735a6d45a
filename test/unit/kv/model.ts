// What the kv service should do, told again in the plainest way: a Map and a clock, written from Redis's documentation.
// One method per command of the model test; each returns the reply as latin1.

const OK = '+OK\r\n'
const NIL = '$-1\r\n'
const NOT_INTEGER = '-ERR value is not an integer or out of range\r\n'
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const integer = (value: number | bigint | boolean): string => `:${Number(value) === value ? value : BigInt(value)}\r\n`
const list = (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`

interface Value {
  text: string
  expire: number // milliseconds of the epoch; Infinity: never
}

/** An integer as Redis reads one out of a string; undefined where it is none. */
function parse(text: string): bigint | undefined {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined
  const value = BigInt(text)
  return value > INT64_MAX || value < INT64_MIN ? undefined : value
}

export class Model {
  nowMs: number
  readonly #values = new Map<string, Value>()

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  /** Keys that are still alive. */
  get size(): number {
    return [...this.#values.keys()].filter((key) => this.#find(key)).length
  }

  #find(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value && value.expire < this.nowMs) this.#values.delete(key)
    return this.#values.get(key)
  }

  #put(key: string, text: string, expire = Infinity): void {
    this.#values.set(key, { text, expire })
  }

  get(key: string): string {
    const value = this.#find(key)
    return value ? bulk(value.text) : NIL
  }

  set(key: string, text: string, options: { nx?: true; xx?: true; get?: true; keepttl?: true; px?: number }): string {
    const value = this.#find(key)
    const before = value ? bulk(value.text) : NIL
    if (value ? options.nx : options.xx) return options.get ? before : NIL
    const kept = options.keepttl ? value?.expire : undefined
    this.#put(key, text, options.px === undefined ? kept : this.nowMs + options.px)
    return options.get ? before : OK
  }

  getdel(key: string): string {
    const reply = this.get(key)
    this.#values.delete(key)
    return reply
  }

  getex(key: string, px: number | undefined): string {
    const value = this.#find(key)
    if (value) value.expire = px === undefined ? Infinity : this.nowMs + px
    return value ? bulk(value.text) : NIL
  }

  mget(keys: readonly string[]): string {
    return list(keys.map((key) => this.get(key)))
  }

  mset(pairs: readonly (readonly [string, string])[]): string {
    for (const [key, text] of pairs) this.#put(key, text)
    return OK
  }

  msetnx(pairs: readonly (readonly [string, string])[]): string {
    if (pairs.some(([key]) => this.#find(key))) return integer(0)
    this.mset(pairs)
    return integer(1)
  }

  del(keys: readonly string[]): string {
    return integer(keys.filter((key) => this.#find(key) && this.#values.delete(key)).length)
  }

  exists(keys: readonly string[]): string {
    return integer(keys.filter((key) => this.#find(key)).length)
  }

  incrby(key: string, by: bigint): string {
    const value = this.#find(key)
    const before = parse(value?.text ?? '0')
    if (before === undefined) return NOT_INTEGER
    const sum = before + by
    if (sum > INT64_MAX || sum < INT64_MIN) return '-ERR increment or decrement would overflow\r\n'
    this.#put(key, String(sum), value?.expire)
    return integer(sum)
  }

  append(key: string, text: string): string {
    const value = this.#find(key)
    this.#put(key, (value?.text ?? '') + text, value?.expire)
    return this.strlen(key)
  }

  strlen(key: string): string {
    return integer(this.#find(key)?.text.length ?? 0)
  }

  setrange(key: string, offset: number, text: string): string {
    const value = this.#find(key)
    const before = value?.text ?? ''
    if (text === '') return integer(before.length)
    const padded = before.padEnd(offset, '\0')
    this.#put(key, padded.slice(0, offset) + text + padded.slice(offset + text.length), value?.expire)
    return this.strlen(key)
  }

  getrange(key: string, start: number, end: number): string {
    const text = this.#find(key)?.text ?? ''
    if (start < 0 && end < 0 && start > end) return bulk('')
    const from = start < 0 ? Math.max(start + text.length, 0) : start
    const to = end < 0 ? Math.max(end + text.length, 0) : end
    return bulk(text.slice(from, to + 1))
  }

  pexpire(key: string, ms: number, condition: '' | 'NX' | 'XX' | 'GT' | 'LT'): string {
    const value = this.#find(key)
    if (!value) return integer(0)
    const when = this.nowMs + ms
    const had = value.expire !== Infinity
    const holds = {
      '': true,
      NX: !had,
      XX: had,
      GT: when > value.expire,
      LT: when < value.expire,
    }[condition]
    if (!holds) return integer(0)
    if (ms <= 0) this.#values.delete(key)
    else value.expire = when
    return integer(1)
  }

  pttl(key: string): string {
    const value = this.#find(key)
    return integer(!value ? -2 : value.expire === Infinity ? -1 : value.expire - this.nowMs)
  }

  persist(key: string): string {
    const value = this.#find(key)
    if (!value || value.expire === Infinity) return integer(0)
    value.expire = Infinity
    return integer(1)
  }

  flush(): string {
    this.#values.clear()
    return OK
  }
}
