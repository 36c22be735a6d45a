// Files into sockets: what a gigabyte costs by each strategy of sendFile, from 4 KiB to 1 GiB, against a bare loop of
// sendfile in C, nginx, and a read stream piped by Node. The files are warm; what is received is thrown away.
import { randomFillSync } from 'node:crypto'
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { requirePinning, runLoad } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { FETCH, fileMillrace, filePipe, fileSendfile, nginx, startAll, stopAll, temporary } from './subjects.mjs'

const CONNECTIONS = 8
const WINDOW_MS = Math.ceil(500 * EFFORT)
const WARM_UP_MS = Math.ceil(400 * EFFORT) // of each server, for those that compile while they run
const [KIB, MIB] = [1024, 1024 * 1024]
const FILES = [
  { size: '4 KiB', bytes: 4 * KIB },
  { size: '16 KiB', bytes: 16 * KIB },
  { size: '64 KiB', bytes: 64 * KIB },
  { size: '100 KiB', bytes: 100 * KIB, bounded: true },
  { size: '256 KiB', bytes: 256 * KIB },
  { size: '1 MiB', bytes: MIB },
  { size: '10 MiB', bytes: 10 * MIB, bounded: true },
  { size: '100 MiB', bytes: 100 * MIB },
  { size: '1 GiB', bytes: 1024 * MIB },
]
const OF_C = 1 / 1.05
const OF_PIPE = 2
const STRATEGIES = ['auto', 'sendfile', 'read', 'mmap', 'splice', 'direct']

/** Random bytes, no two pages of them alike, on the disk and in the page cache. */
function makeFile(path, bytes) {
  const block = randomFillSync(Buffer.alloc(Math.min(bytes, 4 * MIB)))
  const file = openSync(path, 'w')
  for (let at = 0; at < bytes; at += block.length) {
    const length = Math.min(block.length, bytes - at)
    for (let page = 0; page + 8 <= length; page += 4096) block.writeDoubleLE(at + page, page)
    for (let done = 0; done < length; ) done += writeSync(file, block, done, length - done)
  }
  fsyncSync(file) // so that direct reads find it on the disk
  closeSync(file)
}

async function measureFile({ size, bytes, bounded = false }) {
  const path = join(temporary, `file-${bytes}`)
  makeFile(path, bytes)
  const name = `a file of ${size}`
  const subjects = STRATEGIES.map((strategy) => fileMillrace(path, strategy))
  const peers = [fileSendfile(path), nginx(temporary), filePipe(path)]
  const servers = await startAll([...subjects, ...peers])
  const protocolOf = (server) => (server.name === 'nginx' ? 'http' : 'line')
  const able = []
  for (const server of servers) {
    try {
      await runLoad([FETCH, server.port, protocolOf(server), path, 'check'])
      await runLoad([FETCH, server.port, protocolOf(server), path, CONNECTIONS, WARM_UP_MS])
      able.push(server)
    } catch (error) {
      const subject = [...subjects, ...peers].find((each) => each.name === server.name)
      subject.missing = `it does not send the file: ${error.message}`
      process.exitCode = 1
    }
  }
  const results = await alternate(name, able, async (server) => {
    const load = [FETCH, server.port, protocolOf(server), path, CONNECTIONS, WINDOW_MS, server.pid]
    const result = JSON.parse(await runLoad(load))
    return { 'cpu ms/GB': result.cpuNs / 1e6 / (result.bytes / 1e9), 'GB/s': result.bytesPerSecond / 1e9 }
  })
  await stopAll(servers)
  rmSync(path)
  const [auto, sendfile, ...others] = subjects
  const [inC, , pipe] = peers
  const floors = bounded ? { [inC.name]: OF_C, [pipe.name]: OF_PIPE } : {}
  const rows = [
    ...compare({ case: name, subject: auto, results, peers, floors }),
    ...compare({ case: name, subject: sendfile, results, peers }),
    ...others.flatMap((subject) => compare({ case: name, subject, results, peers: [inC] })),
  ]
  const senders = [...subjects, ...peers].map(({ name: sender, missing = results.lost.get(sender) }) => {
    const metrics = Object.entries(results.get(sender) ?? {}).map(([metric, { value }]) => [metric, value])
    return { sender, size, bytes, ...(missing === undefined ? Object.fromEntries(metrics) : { missing }) }
  })
  return { rows, senders }
}

requirePinning()
const files = []
for (const file of FILES) files.push(await measureFile(file))
const how = `server on one core, receiver on the other, ${CONNECTIONS} connections, warm files`
publish(
  'transfer',
  files.flatMap(({ rows }) => rows),
  how,
  { senders: files.flatMap(({ senders }) => senders) },
)
