// `millrace ring` as a program: keys from the line and from standard input, shares, JSON, warnings, faults.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { RING_COMPATS } from '../../src/core/ring-build.ts'
import { CLI, millrace, run } from './harness.ts'

// python_ketama's servers
const KETAMA = ['--compat', 'ketama', '--servers', '127.0.0.1:11211:600,127.0.0.1:11212:400']
const ring = (...args: string[]): ReturnType<typeof millrace> => millrace('ring', ...args)
const fed = (input: string | Buffer, ...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, [CLI, 'ring', ...args], { input })

describe('keys', () => {
  it('are answered one per line, with a tab', async () => {
    const { code, stdout, stderr } = await ring(...KETAMA, 'test', 'other key')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^test\t127\.0\.0\.1:11211\nother key\t127\.0\.0\.1:1121[12]\n$/)
  })

  it('come from standard input when none are given, the last one with or without a newline', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `key:${i}`)
    const { code, stdout } = await fed(keys.join('\n'), ...KETAMA)
    expect(code).toBe(0)
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(keys)
    expect((await fed(`${keys.join('\n')}\n`, ...KETAMA)).stdout).toBe(stdout)
  })

  it('may begin with a dash behind --', async () => {
    expect((await ring(...KETAMA, '--', '-k')).stdout).toMatch(/^-k\t/)
  })

  it('--json: one object per key', async () => {
    const { stdout } = await ring(...KETAMA, '--json', 'test', 'x"y')
    const lines = stdout.trimEnd().split('\n')
    expect(JSON.parse(lines[0]!)).toEqual({ key: 'test', server: '127.0.0.1:11211' })
    expect(JSON.parse(lines[1]!)).toMatchObject({ key: 'x"y' })
  })

  it('follow a hash tag, a hash and a name', async () => {
    const servers = ['--servers', 'a:1:1 one,b:1:1 two,c:1:1 three', '--compat', 'twemproxy', '--hash', 'murmur']
    const { stdout } = await ring(...servers, '--hash-tag', '{}', 'x{user}1', 'user', 'y{user}2')
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[1])
    expect(new Set(found).size).toBe(1)
    expect(['one', 'two', 'three']).toContain(found[0])
  })

  it('a reader that goes away ends the program quietly', async () => {
    const child = spawn(process.execPath, [CLI, 'ring', ...KETAMA], { stdio: ['pipe', 'pipe', 'pipe'] })
    const closed = once(child, 'close')
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    child.stdin.on('error', () => undefined) // it ends before it has read all
    child.stdout.once('data', () => child.stdout.destroy())
    child.stdin.write('key\n'.repeat(2_000_000))
    child.stdin.end()
    expect(await closed).toEqual([0, null])
    expect(stderr).toBe('')
  })
})

describe('--stats', () => {
  it('is a plain table when nobody watches', async () => {
    const { code, stdout } = await ring(...KETAMA, '--stats')
    expect(code).toBe(0)
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head).toBe('server\tweight\tpoints\tshare')
    expect(rows.map((row) => row.split('\t').slice(0, 3))).toEqual([
      ['127.0.0.1:11211', '600', '192'],
      ['127.0.0.1:11212', '400', '128'],
    ])
    const shares = rows.map((row) => Number.parseFloat(row.split('\t')[3]!))
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 1)
  })

  it('--json is one object', async () => {
    const { stdout } = await ring(...KETAMA, '--stats', '--json')
    const stats = JSON.parse(stdout) as { servers: { share: number }[] }
    expect(stats).toMatchObject({ compat: 'ketama', hash: 'md5', points: 320 })
    expect(stats.servers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12)
  })

  it('warns of a server whose weight is too small for a point', async () => {
    const { code, stdout, stderr } = await ring('--compat', 'twemproxy', '--servers', 'a:1:100000,b:1:1', '--stats')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^b:1\t1\t0\t0\.00%$/m)
    expect(stderr).toBe('millrace ring: b:1 gets no keys: its weight 1 is too small beside the others\n')
  })
})

describe('all that a ring can be', () => {
  const servers = ['--servers', '10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379']

  it('--help lists every mode', async () => {
    const { code, stdout } = await ring('--help')
    expect(code).toBe(0)
    for (const mode of RING_COMPATS) expect(stdout).toMatch(new RegExp(`^  ${mode} `, 'm'))
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  it.each([
    ...['native', 'libmemcached-spy', 'nginx', 'redis-slots'].map((mode) => ['--compat', mode]),
    ['--compat', 'twemproxy', '--distribution', 'modula', '--hash', 'crc32'],
    ['--compat', 'twemproxy', '--distribution', 'random'],
    ['--compat', 'envoy', '--ring-size', '100-200', '--point-hash', 'murmur2', '--hash', 'murmur2'],
    ['--compat', 'maglev', '--table-size', '251'],
    ['--compat', 'haproxy', '--hash', 'djb2', '--avalanche', 'on'],
    ['--compat', 'node-hashring', '--vnodes', '50'],
  ])('%s %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await ring(...args, ...servers, '--replicas', '3', 'k')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [key, ...found] = stdout.trimEnd().split('\t')
    expect(key).toBe('k')
    expect(found.sort()).toEqual(['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379'])
  })

  it('says what moves', async () => {
    const { code, stdout } = await ring(...servers, '--migrate', '10.0.0.1:6379,10.0.0.2:6379')
    expect(code).toBe(0)
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head).toBe('from\tto\tshare')
    expect(rows).toHaveLength(3)
    for (const row of rows.slice(0, 2)) expect(row).toMatch(/^10\.0\.0\.3:6379\t10\.0\.0\.[12]:6379\t1\d\.\d\d%$/)
    expect(rows[2]).toMatch(/^all\tall\t3\d\.\d\d%$/)
  })

  it('says what moves in JSON, positions of 64 bits as text', async () => {
    const { stdout } = await ring(...servers, '--compat', 'envoy', '--migrate', '10.0.0.1:6379', '--json')
    const migration = JSON.parse(stdout) as { share: number; unit: string; ranges: { first: string }[] }
    expect(migration.unit).toBe('position')
    expect(migration.share).toBeGreaterThan(0.5)
    expect(migration.ranges[0]?.first).toMatch(/^\d+$/)
  })

  it('warns of crc32 on a circle', async () => {
    const { stderr } = await ring('--compat', 'twemproxy', '--hash', 'crc32', ...servers, 'k')
    expect(stderr).toMatch(/gets every key: crc32 has only 15 bits; it is for modula\n$/)
  })
})

describe('faults', () => {
  it.each([
    [[], /--servers must be given/],
    [['--servers', 'a:1:0', 'k'], /the weight in 'a:1:0' must be an integer from 1 to 2147483647/],
    [['--servers', 'a', 'k'], /a server must be written as host:port/],
    [['--servers', '::1:1:1', 'k'], /an IPv6 address must be in brackets/],
    [['--servers', 'a:1,a:1', 'k'], /each server must be listed once/],
    [['--servers', 'a:1', '--hash', 'sha1', 'k'], /hash must be xxh64 in a native ring; received 'sha1'/],
    [['--servers', 'a:1', '--compat', 'x', 'k'], /compat must be one of native, ketama, libmemcached,.* jump;/],
    [['--servers', 'a:1', '--hash-tag', '{', 'k'], /hashTag must be two printable ASCII characters/],
    [['--servers', 'a:1:2000', 'k'], /the sum of all weights must be from 1 to 1024 in a native ring/],
    [['--servers', 'a:1', '--points', 'many', 'k'], /points must be an integer from 1 to 1024/],
    [['--servers', 'a:1', '--replicas', '0', 'k'], /--replicas must be an integer from 1/],
    [['--servers', 'a:1', '--avalanche', 'yes', 'k'], /--avalanche must be on or off/],
    [['--servers', 'a:1', '--table-size', '7', 'k'], /tableSize must be left out: only maglev rings have it/],
    [['--servers', 'a:1', '--compat', 'maglev', '--table-size', '8', 'k'], /tableSize must be a prime number/],
    [['--servers', 'a:1', '--migrate', 'b', 'k'], /a server must be written as host:port/],
    [['--bogus'], /--bogus/],
  ])('%j exits 2 with a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await ring(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr).toMatch(/--help/)
  })
})
