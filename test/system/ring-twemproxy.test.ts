// The real twemproxy as an oracle: in front of servers that answer every GET with their own number it must send each of
// many random keys where the ring says. Every hash, weights, names, hash tags, the forms of addresses; no miss allowed.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HashRing } from '../../src/core/hash-ring.ts'
import { type Core, instantiateCore } from '../../src/core/load.ts'
import { RING_HASHES, type RingDistribution, type RingHash } from '../../src/core/ring-build.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { parseServer, ringServers } from '../../src/service/servers.ts'
import { freePort, NO_NUTCRACKER, Program, poll, titled } from './harness.ts'
import { Random, SEED } from './random.ts'

const TCP_SERVERS = 12
const ROUNDS = 3
const START_ATTEMPTS = 3
const THOROUGH = 20 // so many pools are asked more keys
const KEYS = 10_000
const KEYS_OTHERS = 1_500
const KEY_BYTES_MAX = 60
const ANSWER_BYTES = 8 // $2\r\n07\r\n
const ODD_HOST = '127.91.17.4' // somewhere in 127/8 where nobody else has taken the port that twemproxy leaves out
const UNNAMED_PORT = 11211

interface Pool {
  readonly title: string
  readonly hash: RingHash
  readonly hashTag?: string
  readonly distribution?: RingDistribution
  /** As nutcracker's file and our command line both have them. */
  readonly entries: readonly string[]
}

const random = new Random(SEED)
let folder = ''
const servers: Server[] = []
const numbers = new Map<string, number>() // address as written → number of the server behind it

/** Answers each GET with the server's number, however the requests are cut. */
function answerWith(number: number): (socket: Socket) => void {
  const answer = `$2\r\n${String(number).padStart(2, '0')}\r\n`
  return (socket) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      let answers = ''
      for (let end = requestEnd(rest, at); end > 0; end = requestEnd(rest, at)) {
        at = end
        answers += answer
      }
      rest = rest.subarray(at)
      if (answers !== '') socket.write(answers)
    })
  }
}

/** The end of `*2\r\n$3\r\nGET\r\n$n\r\n…\r\n` at `at`; 0 if it is not all there. */
function requestEnd(bytes: Buffer, at: number): number {
  const head = /^\*2\r\n\$3\r\nget\r\n\$(\d+)\r\n/i.exec(bytes.toString('latin1', at, at + 32))
  const end = head === null ? 0 : at + head[0].length + Number(head[1]) + 2
  return end <= bytes.length ? end : 0
}

async function listen(where: ListenOptions): Promise<string> {
  const server = createServer(answerWith(servers.length))
  server.listen(where)
  await once(server, 'listening')
  const bound = server.address() as AddressInfo | string
  const address = typeof bound === 'string' ? bound : `${bound.address}:${bound.port}`
  numbers.set(address, servers.length)
  servers.push(server)
  return address
}

function some<T>(from: readonly T[], least: number): T[] {
  const wanted = random.between(least, from.length)
  const all = [...from]
  return Array.from({ length: wanted }, () => all.splice(random.below(all.length), 1)[0]!)
}

function poolsFor(tcp: readonly string[], odd: string, unix: string): Pool[] {
  const weighted = (address: string, i: number): string =>
    `${address}:${random.between(1, 9)}${i % 2 ? ` n${random.bits()}` : ''}`
  return [
    ...Array.from({ length: ROUNDS }, () => RING_HASHES.twemproxy)
      .flat()
      .map((hash) => ({
        title: `${hash}, weights and names`,
        hash,
        entries: some(tcp, 2).map(weighted),
      })),
    ...RING_HASHES.twemproxy.map((hash) => ({
      title: `modula, ${hash}, weights and names`,
      hash,
      distribution: 'modula' as const,
      entries: some(tcp, 2).map(weighted),
    })),
    { title: 'modula, equal weights', hash: 'crc16', distribution: 'modula', entries: tcp.map((a) => `${a}:1`) },
    {
      title: 'modula, the tag {}',
      hash: 'crc32',
      hashTag: '{}',
      distribution: 'modula',
      entries: some(tcp, 3).map(weighted),
    },
    { title: 'equal weights', hash: 'fnv1a_64', entries: tcp.map((address) => `${address}:1`) },
    { title: 'one server', hash: 'murmur', entries: [`${tcp[0]}:1`] },
    {
      title: 'weights of megabytes',
      hash: 'md5',
      entries: some(tcp, 3).map((a) => `${a}:${random.between(1, 1_000_000)}`),
    },
    { title: 'a server without points', hash: 'jenkins', entries: [`${tcp[0]}:100000 x`, `${tcp[1]}:1 y`] },
    { title: 'the tag {}', hash: 'md5', hashTag: '{}', entries: some(tcp, 3).map(weighted) },
    { title: 'the tag $$', hash: 'murmur', hashTag: '$$', entries: some(tcp, 3).map(weighted) },
    { title: 'port 11211', hash: 'jenkins', entries: [`${odd}:1`, `${tcp[2]}:1`, `${tcp[3]}:2`] },
    { title: 'a unix socket', hash: 'hsieh', entries: [`${unix}:2`, `${tcp[4]}:1`, `${tcp[5]}:1`] },
  ]
}

/** Twenty-five equal servers have 156 points each; twelve listeners stand behind them. */
function manyServers(tcp: readonly string[]): Pool {
  const entries = Array.from({ length: 25 }, (_, i) => `${tcp[i % tcp.length]}:1 shard-${i}`)
  return { title: '25 servers, 156 points each', hash: 'crc32a', entries }
}

function keysFor(hashTag: string | undefined, count: number): Buffer[] {
  const letters = Buffer.from(`ab${hashTag ?? ''}`)
  return Array.from({ length: count }, (_, i) => {
    const key = random.bytes(random.between(1, KEY_BYTES_MAX))
    if (hashTag !== undefined && i % 2 === 0) for (const at of key.keys()) key[at] = letters[key[at]! % letters.length]!
    return i % 3 === 0 ? Buffer.from(`user:${random.bits()}`) : key
  })
}

/** Which server answers each key through the pool at `path`. */
async function ask(path: string, keys: readonly Buffer[]): Promise<number[]> {
  const socket = connect(path)
  const requests = keys.flatMap((key) => [
    Buffer.from(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n`),
    key,
    Buffer.from('\r\n'),
  ])
  socket.write(Buffer.concat(requests))
  let answers = ''
  for await (const chunk of socket) {
    answers += (chunk as Buffer).toString('latin1')
    if (answers.startsWith('-') || answers.length >= keys.length * ANSWER_BYTES) break
  }
  expect(answers).toMatch(/^(\$2\r\n\d\d\r\n)*$/)
  return keys.map((_, i) => Number(answers.slice(i * ANSWER_BYTES + 4, i * ANSWER_BYTES + 6)))
}

/** Pool `i` listens on a socket of its own in the folder. */
const socketOf = (i: number): string => join(folder, `pool${i}`)

/** Only the port for its statistics can be taken by somebody else in between; then it starts again. */
async function startNutcracker(pools: readonly Pool[]): Promise<Program> {
  const text = pools.flatMap(({ hash, hashTag, distribution = 'ketama', entries }, i) => [
    `pool${i}:`,
    `  listen: ${socketOf(i)}`,
    `  hash: ${hash}`,
    ...(hashTag === undefined ? [] : [`  hash_tag: "${hashTag}"`]),
    `  distribution: ${distribution}`,
    '  redis: true',
    '  servers:',
    ...entries.map((entry) => `   - ${entry}`),
  ])
  const file = join(folder, 'nutcracker.yml')
  writeFileSync(file, `${text.join('\n')}\n`)
  for (let left = START_ATTEMPTS; ; left--) {
    const stats = ['-a', '127.0.0.1', '-s', String(await freePort())]
    const program = new Program('nutcracker', 'nutcracker', ['-c', file, ...stats])
    await poll(() => program.exit !== undefined || accepts(socketOf(pools.length - 1)), 'nutcracker listens')
    if (program.exit === undefined) return program
    if (left === 1) throw new Error(`nutcracker does not start: ${program.stderr}`)
  }
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path)
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return open
}

describe.skipIf(NO_NUTCRACKER)(titled('twemproxy rings against nutcracker', NO_NUTCRACKER), () => {
  let core: Core
  let nutcracker: Program | undefined
  let pools: Pool[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-ring-'))
    core = instantiateCore(readCore())
    const tcp: string[] = []
    for (let i = 0; i < TCP_SERVERS; i++) tcp.push(await listen({ host: '127.0.0.1', port: 0 }))
    const odd = await listen({ host: ODD_HOST, port: UNNAMED_PORT })
    const unix = await listen({ path: join(folder, 's.sock') })
    pools = [...poolsFor(tcp, odd, unix), manyServers(tcp)]
    nutcracker = await startNutcracker(pools)
  })

  afterAll(async () => {
    await nutcracker?.stop()
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it(`agrees on thousands of random keys in each of many pools (MILLRACE_SEED=${SEED})`, async () => {
    for (const [number, { title, hash, hashTag, distribution, entries }] of pools.entries()) {
      const list = entries.map((entry) => parseServer(entry))
      const options = { compat: 'twemproxy', hash, hashTag, distribution, core } as const
      using ring = new HashRing(ringServers(list, 'twemproxy'), options)
      const behind = new Map(list.map((server, i) => [server.id, numbers.get(addressIn(entries[i]!))]))
      const keys = keysFor(hashTag, number < THOROUGH ? KEYS : KEYS_OTHERS)
      const asked = await ask(socketOf(number), keys)
      const ours = ring.lookupMany(keys).map((id) => behind.get(id))
      const misses = keys.flatMap((key, i) =>
        asked[i] === ours[i] ? [] : [`${key.toString('hex')}: ${asked[i]} ≠ ${ours[i]}`],
      )
      expect(misses.slice(0, 5), `${title} (seed ${SEED}): ${misses.length} of ${keys.length} differ`).toEqual([])
      // the comparison means nothing where all keys go to one server
      if (entries.length > 2 && (hash !== 'crc32' || distribution === 'modula'))
        expect(new Set(asked).size, title).toBeGreaterThan(1)
    }
  })
})

/** `address:weight name` → address */
function addressIn(entry: string): string {
  return entry.replace(/:\d+( \S+)?$/, '')
}
