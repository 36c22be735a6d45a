// What the benchmarks make of their samples: the ratio of two subjects, and what is left when one of them fails.
import { afterEach, expect, test } from 'vitest'
// @ts-expect-error: plain JavaScript
import { compare, row } from '../../bench/macro/report.mjs'
// @ts-expect-error: plain JavaScript
import { alternate, ROUNDS } from '../../bench/macro/rounds.mjs'

afterEach(() => {
  process.exitCode = undefined // which a failed measurement sets
})

test('a ratio is the median of the ratios of the rounds, so that a slow round does not count', () => {
  const common = { case: 'c', subject: 'ours', metric: 'cpu µs/request', peer: 'theirs' }
  // from the third round on the machine is half as fast: the medians alone would say 2 / 2
  const slow = row({ ...common, value: 2, samples: [1, 1, 2, 2, 2], peerValue: 2, peerSamples: [2, 1.5, 3, 4, 2] })
  expect(slow.ratio).toBe(1.5)
  const throughput = row({
    ...common,
    metric: 'requests/s',
    value: 300,
    samples: [300],
    peerValue: 200,
    peerSamples: [200],
  })
  expect(throughput.ratio).toBe(1.5)
  expect(row({ ...common, value: 2, peer: null }).ratio).toBe(null)
})

test('a subject whose measurement fails loses its own rows, and says why', async () => {
  let calls = 0
  const [ours, theirs] = [{ name: 'ours' }, { name: 'theirs' }]
  const results = await alternate('c', [ours, theirs], async ({ name }: { name: string }) => {
    calls++
    if (name === 'theirs' && calls > 2) throw new Error('the server closed connection 7')
    return { 'cpu µs/request': calls }
  })
  expect(process.exitCode).toBe(1)
  expect(results.get('ours')['cpu µs/request'].samples).toHaveLength(ROUNDS)
  expect(results.has('theirs')).toBe(false)
  const [only, ...others] = compare({ case: 'c', subject: ours, results, peers: [theirs], floors: { theirs: 2 } })
  expect(others).toEqual([])
  expect(only).toMatchObject({ peer: 'theirs', ratio: null, floor: 2, missing: 'the server closed connection 7' })
  expect(only.value).toBeGreaterThan(0)
})
