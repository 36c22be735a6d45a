// What is owed has a bound, whatever it costs in memory; and what is owed is sent, however soon the client ends.
import { describe, expect, test } from 'vitest'
import { client, during, startKv, startMillrace } from './harness.ts'
import { encode, Wire } from './wire.ts'

const VALUE = Buffer.alloc(20_000_000, 'v')

describe('a reply of more than a queue may hold ends its client, and nobody else', () => {
  // replies share large values by reference: 4.3 GB cost 14 KB, but their count must not wrap at 4 GiB
  test('kv: MGET of one large value 216 times', async () => {
    const kv = await during(startKv(['--maxmemory', '256mb']))
    const other = await client(kv)
    expect(await other.raw('SET', 'k', VALUE)).toBe('+OK\r\n')
    const wire = await Wire.open(kv.port)
    wire.write(encode('MGET', ...Array.from({ length: 216 }, () => 'k')))
    expect(await wire.until(() => wire.closed, 20_000)).toBe(true)
    expect(await other.ask('STRLEN', 'k')).toBe(VALUE.length)
    expect(kv.exit).toBeUndefined()
  })

  test('up: the same over several shards', async () => {
    const up = await during(startMillrace('up', ['--maxmemory', '512mb']))
    const other = await client(up)
    const keys = Array.from({ length: 6 }, (_, i) => `k${i}`)
    for (const key of keys) expect(await other.raw('SET', key, VALUE)).toBe('+OK\r\n')
    const wire = await Wire.open(up.port)
    wire.write(encode('MGET', ...Array.from({ length: 230 }, () => 'k0'), ...keys))
    // the shard's part fails, the other keys' values come
    expect(await wire.until(() => wire.closed || wire.length > VALUE.length, 20_000)).toBe(true)
    wire.destroy()
    for (const key of keys) expect(await other.ask('STRLEN', key)).toBe(VALUE.length)
    expect(up.exit).toBeUndefined()
  })
})

test('kv answers INFO that comes last in a full receive buffer, and then the end', async () => {
  const kv = await during(startKv())
  const command = 'INFO\r\n'
  for (const bytes of [16384, 16383, 16000]) {
    const wire = await Wire.open(kv.port)
    const blank = bytes - command.length
    wire.socket.end(`${'\r\n'.repeat(blank >> 1)}${blank % 2 === 1 ? '\n' : ''}${command}`)
    expect(await wire.until(() => wire.closed)).toBe(true)
    expect(wire.bytes().toString(), `${bytes} bytes`).toContain('redis_version')
  }
})
