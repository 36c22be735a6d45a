// Asking a real balancer where keys go: requests with the key in a header, pipelined; each answer is the address of the
// server that got it.
import { connect } from 'node:net'
import type { Random } from './random.ts'

const IN_FLIGHT = 64
const KEY_BYTES_MAX = 40

/** Where the balancer on `port` sends each key of a pool, in their order. */
export async function ask(port: number, pool: string, keys: readonly Buffer[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const answers: string[] = []
  let sent = 0
  let rest = ''
  const head = Buffer.from(`GET /${pool} HTTP/1.1\r\nHost: a\r\nk: `)
  const tail = Buffer.from('\r\n\r\n')
  const send = (): void => {
    const upTo = Math.min(keys.length, answers.length + IN_FLIGHT)
    if (sent >= upTo) return
    socket.write(Buffer.concat(keys.slice(sent, upTo).flatMap((key) => [head, key, tail])))
    sent = upTo
  }
  send()
  for await (const chunk of socket) {
    rest += (chunk as Buffer).toString('latin1')
    let from = 0
    for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n', from)) {
      const status = rest.slice(from, rest.indexOf('\r\n', from))
      if (!status.includes(' 200')) throw new Error(`${pool}: ${status}`)
      const length = Number(/content-length: (\d+)/i.exec(rest.slice(from, end))?.[1])
      if (rest.length < end + 4 + length) break
      answers.push(rest.slice(end + 4, end + 4 + length))
      from = end + 4 + length
    }
    rest = rest.slice(from)
    if (answers.length === keys.length) break
    if (answers.length > sent - IN_FLIGHT / 2) send()
  }
  socket.destroy()
  if (answers.length < keys.length) throw new Error(`${pool}: ${answers.length} of ${keys.length} answers`)
  return answers
}

/** Bytes that a header may hold, no blanks or commas among them; every third one reads like a key. */
export function headerKeys(random: Random, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    if (i % 3 === 0) return Buffer.from(`user:${random.bits()}`)
    const key = random.bytes(random.between(1, KEY_BYTES_MAX))
    for (const [at, byte] of key.entries()) if (byte <= 0x2c || byte === 0x7f) key[at] = 0x30 + (byte & 0x3f)
    return key
  })
}

/** Up to `count` addresses of this host with ports among those given, no two the same. */
export function addresses(random: Random, ports: readonly number[], count: number): string[] {
  const all = new Set<string>()
  while (all.size < count) {
    const host = `127.${random.between(1, 250)}.${random.below(256)}.${random.between(1, 254)}`
    all.add(`${host}:${random.pick(ports)}`)
  }
  return [...all]
}

/** What differs, in a form that tells the key. */
export function differences(keys: readonly Buffer[], asked: readonly string[], ours: readonly string[]): string[] {
  return keys.flatMap((key, i) => (asked[i] === ours[i] ? [] : [`${key.toString('hex')}: ${asked[i]} ≠ ${ours[i]}`]))
}
