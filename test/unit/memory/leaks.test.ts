// Sampled leak reports: one in so many skbs is noted with its site and its age, and is forgotten when it is freed; the
// loop's error names them.
import { describe, expect, test } from 'vitest'
import * as sites from '../../../assembly/memory/abi.ts'
import { leakError, leakSampling, readLeaks } from '../../../src/loop/leaks.ts'
import { coreModule } from '../core-build.ts'
import { TestCore } from '../core-test.ts'

// compiled before the clock of a test runs
for (const build of ['test', 'debug'] as const) coreModule(build)

function core(every: number): TestCore {
  const made = new TestCore({ heapBytes: 4 << 20, slabBytes: 8 << 20, build: 'test' })
  made.call('leakSample', every)
  return made
}

function leaks(memory: TestCore): ReturnType<typeof readLeaks> {
  const scratch = memory.put(new Uint8Array(sites.SITES_END * sites.LEAK_BYTES))
  return readLeaks(
    { leakReport: (to) => memory.call('leakReport', to) },
    new DataView(memory.exports.memory.buffer),
    scratch,
  )
}

function allocate(memory: TestCore, site: number, count: number, bytes: number): number[] {
  memory.call('siteSet', site)
  return Array.from({ length: count }, () => memory.call('skbAlloc', bytes))
}

test('living skbs are listed by site, with their blocks and the age of the oldest', () => {
  const memory = core(1)
  expect(leaks(memory)).toEqual([])
  const first = allocate(memory, sites.SITE_KV, 3, 100)
  memory.advance(5000)
  const second = allocate(memory, sites.SITE_INBOUND, 1, 10_000)
  allocate(memory, sites.SITE_KV, 2, 100)
  memory.advance(500)
  expect(leaks(memory)).toEqual([
    { site: 'a frame that came in parts', count: 1, bytes: 16384 - 16, ageMs: 500 },
    { site: 'replies of a keyspace', count: 5, bytes: 5 * (128 - 16), ageMs: 5500 },
  ])
  for (const skb of [...first, ...second]) memory.call('skbFree', skb)
  expect(leaks(memory)).toEqual([{ site: 'replies of a keyspace', count: 2, bytes: 2 * (128 - 16), ageMs: 500 }])
})

test('one in so many is noted, whatever else happens to it', () => {
  const memory = core(10)
  const all = allocate(memory, sites.SITE_WRITE, 1000, 10)
  expect(leaks(memory)).toMatchObject([{ site: 'channel.write', count: 100 }])
  for (const skb of all) memory.call('skbGet', skb)
  for (const skb of all) memory.call('skbFree', skb)
  expect(leaks(memory), 'somebody still holds them').toMatchObject([{ count: 100 }])
  const [head, ...rest] = all
  for (const skb of all) memory.call('skbPut', skb, 1)
  for (const skb of rest) memory.call('skbAddFragment', head!, skb)
  expect(leaks(memory), 'fragments are skbs too').toMatchObject([{ count: 100 }])
  memory.call('skbHandOver', head!)
  expect(leaks(memory), "they are another loop's now").toEqual([])
  memory.call('siteSet', sites.SITE_ECHO)
  memory.call('skbTakeOver', head!)
  expect(leaks(memory)).toMatchObject([{ site: 'the echo service', count: 100 }])
  memory.call('skbFree', head!)
  expect(leaks(memory)).toEqual([])
  memory.check()
})

test('none is noted where nobody asked, nor after sampling is switched off', () => {
  const memory = core(0)
  allocate(memory, sites.SITE_KV, 100, 10)
  expect(leaks(memory)).toEqual([])
  memory.call('leakSample', 1)
  allocate(memory, sites.SITE_KV, 2, 10)
  memory.call('leakSample', 0)
  allocate(memory, sites.SITE_KV, 100, 10)
  expect(leaks(memory)).toMatchObject([{ count: 2 }])
})

test('the debug build notes every one', () => {
  const memory = new TestCore({ heapBytes: 4 << 20, slabBytes: 8 << 20, build: 'debug' })
  allocate(memory, sites.SITE_TICK, 7, 10)
  expect(leaks(memory)).toMatchObject([{ site: 'timers of a service', count: 7 }])
})

test('every site has a name of its own', () => {
  const memory = core(1)
  for (let site = 1; site < sites.SITES_END; site++) allocate(memory, site, 1, 10)
  const names = leaks(memory).map(({ site }) => site)
  expect(new Set(names).size).toBe(sites.SITES_END - 1)
  expect(names.filter((name) => /^site \d/.test(name))).toEqual([])
})

describe('the error', () => {
  const leak = { site: 'channel.write', count: 2, bytes: 64, ageMs: 1540 }

  test('names how many there are, and where those noted are from', () => {
    const error = leakError(7, [leak], 5)
    expect(error.code).toBe('MILLRACE_ERR_LEAK')
    expect(error.message).toBe(
      '7 skbs are outstanding as the loop closes; one in 5 is noted: 2 from channel.write (64 bytes, up to 1.5 s old)',
    )
    expect(leakError(3, [], 10).message).toMatch(/one in 10 is noted: none of those noted$/)
  })

  test.each(['x', '-1', '1.5'])('MILLRACE_LEAKS=%s is refused', (wanted) => {
    expect(() => leakSampling(wanted)).toThrow(RangeError)
  })

  test('MILLRACE_LEAKS is a number, and nothing means none', () => {
    expect(['1', '100', '0', '', undefined].map(leakSampling)).toEqual([1, 100, 0, 0, 0])
  })
})
