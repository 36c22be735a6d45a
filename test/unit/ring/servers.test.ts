// The list of servers as people write it: every form, every fault with its sentence.
import { describe, expect, test } from 'vitest'
import type { RingCompat } from '../../../src/core/ring-build.ts'
import { parseServer, parseServers, ringServers } from '../../../src/service/servers.ts'

const FORM = /must be written as host:port\[:weight\]\[ name\]/

describe('an entry', () => {
  test.each([
    ['a:1', { kind: 'tcp', id: 'a:1', weight: 1, host: 'a', port: 1 }],
    ['10.0.0.1:6379:3', { kind: 'tcp', id: '10.0.0.1:6379', weight: 3, host: '10.0.0.1', port: 6379 }],
    ['a:6379:1 alpha', { kind: 'tcp', id: 'alpha', name: 'alpha', weight: 1, host: 'a', port: 6379 }],
    ['[::1]:6379', { kind: 'tcp', id: '[::1]:6379', weight: 1, host: '::1', port: 6379 }],
    ['[fe80::1%eth0]:6379:2', { kind: 'tcp', id: '[fe80::1%eth0]:6379', weight: 2, host: 'fe80::1%eth0', port: 6379 }],
    ['/tmp/redis.sock', { kind: 'unix', id: '/tmp/redis.sock', weight: 1, path: '/tmp/redis.sock' }],
    ['/tmp/redis.sock:5 u', { kind: 'unix', id: 'u', name: 'u', weight: 5, path: '/tmp/redis.sock' }],
    ['/tmp/a:b:5', { kind: 'unix', id: '/tmp/a:b', weight: 5, path: '/tmp/a:b' }],
    ['embedded', { kind: 'embedded', id: 'embedded', weight: 1 }],
    ['embedded:4', { kind: 'embedded', id: 'embedded', weight: 4 }],
    ['embedded/one', { kind: 'embedded', id: 'embedded/one', weight: 1 }],
    ['embedded/one:2', { kind: 'embedded', id: 'embedded/one', weight: 2 }],
    [
      'embedded.example:6379',
      { kind: 'tcp', id: 'embedded.example:6379', weight: 1, host: 'embedded.example', port: 6379 },
    ],
  ])('%s', (entry, server) => {
    expect(parseServer(entry)).toEqual(server)
  })

  test.each([
    ['', FORM],
    ['host', FORM],
    ['a:1:2:3', FORM],
    [':6379', FORM],
    ['a:1 b c', FORM],
    ['embedded/', FORM],
    ['[::1]', FORM],
    ['[::1]6379', FORM],
    ['::1:6379:1', /an IPv6 address must be in brackets, as in \[::1\]:6379:1/],
    [
      '[local]:6379',
      /the host in '\[local\]:6379' must be an IPv6 address where it stands in brackets; received 'local'/,
    ],
    ['a:', /the port in 'a:' must be an integer from 1 to 65535; received ''/],
    ['a:0', /the port in 'a:0' must be/],
    ['a:65536', /the port in 'a:65536' must be/],
    ['a:06379', /the port in 'a:06379' must be/],
    ['a:-1', /the port in 'a:-1' must be/],
    ['a:1e3', /the port in 'a:1e3' must be/],
    ['a:1:0', /the weight in 'a:1:0' must be an integer from 1 to 2147483647; received '0'/],
    ['a:1:', /the weight in 'a:1:' must be/],
    ['a:1:x', /the weight in 'a:1:x' must be/],
    ['a:1:2147483648', /the weight in 'a:1:2147483648' must be/],
    ['embedded:x', /the weight in 'embedded:x' must be/],
    ['/tmp/x:', /the weight in '\/tmp\/x:' must be/],
    [`/${'p'.repeat(107)}`, /must be at most 107 bytes long; received 108/],
  ])('%s is refused', (entry, sentence) => {
    const refused = { code: 'ERR_INVALID_ARG_VALUE', message: expect.stringMatching(sentence) }
    expect(() => parseServer(entry)).toThrow(expect.objectContaining(refused))
  })
})

describe('a list', () => {
  test('keeps its order', () => {
    expect(parseServers('b:1, a:1:2 ,embedded,/s:3').map(({ id }) => id)).toEqual(['b:1', 'a:1', 'embedded', '/s'])
  })

  test.each([
    ['', /the list of servers must be not empty/],
    ['a:1,,b:1', FORM],
    ['a:1,', FORM],
    ['a:1,a:1:2', /listed once \(a name after the address tells them apart\); received 'a:1'/],
    ['embedded,embedded', /listed once \(embedded\/NAME tells shards apart\); received 'embedded'/],
    ['a:1 x,b:1 x', /listed once .* received 'x'/],
  ])('%j is refused', (list, sentence) => {
    expect(() => parseServers(list)).toThrow(sentence)
  })

  test('one address may stand twice under two names', () => {
    expect(parseServers('a:1:1 x,a:1:1 y').map(({ id }) => id)).toEqual(['x', 'y'])
  })
})

describe('the text that a ring hashes', () => {
  const servers = parseServers('a:11211,b:6379:2,c:11211:1 gamma,[::1]:6379,/tmp/s:3,embedded/x')
  const names = (compat: RingCompat): string[] => ringServers(servers, compat).map(({ id, name = id }) => name)

  test('is the address as written', () => {
    const written = ['a:11211', 'b:6379', 'gamma', '[::1]:6379', '/tmp/s', 'embedded/x']
    expect(names('native')).toEqual(written)
    expect(names('ketama')).toEqual(written)
  })

  test('is in a twemproxy ring what nutcracker would hash', () => {
    expect(names('twemproxy')).toEqual(['a', 'b:6379', 'gamma', '::1:6379', '/tmp/s:', 'embedded/x'])
  })

  test('is in a libmemcached ring what libmemcached and spymemcached would hash', () => {
    expect(names('libmemcached')).toEqual(['a', 'b:6379', 'gamma', '::1:6379', '/tmp/s:0', 'embedded/x'])
    expect(names('libmemcached-spy').slice(0, 5)).toEqual(['/a:11211', '/b:6379', 'gamma', '/::1:6379', '//tmp/s:0'])
  })

  test('is in a haproxy ring the number of the server, where a name is one', () => {
    const counted = ringServers(parseServers('a:1,b:1:1 web,c:1:1 77'), 'haproxy')
    expect(counted.map(({ name }) => name)).toEqual([undefined, undefined, '77'])
  })

  test('ids and weights stay', () => {
    expect(ringServers(servers, 'twemproxy').map(({ id, weight }) => `${id}=${weight}`)).toEqual([
      'a:11211=1',
      'b:6379=2',
      'gamma=1',
      '[::1]:6379=1',
      '/tmp/s=3',
      'embedded/x=1',
    ])
  })
})
