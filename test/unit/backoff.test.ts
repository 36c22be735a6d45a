// The waits between a crash and the next start.
import { expect, test } from 'vitest'
import { Backoff } from '../../src/reactor/backoff.ts'

test('waits double from 100 ms to 30 s while workers die young', () => {
  const backoff = new Backoff(3)
  const waits = Array.from({ length: 11 }, () => backoff.next(50))
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('one that has lived for 10 s starts again with 100 ms, one that has lived for less does not', () => {
  const backoff = new Backoff(3)
  expect([backoff.next(50), backoff.next(50), backoff.next(9_999), backoff.next(10_000), backoff.next(1)]).toEqual([
    100, 200, 400, 100, 200,
  ])
})

test('gives up at as many starts that came to nothing, and counts only those in succession', () => {
  const backoff = new Backoff(3)
  expect([backoff.next(undefined), backoff.next(undefined), backoff.next(5)]).toEqual([100, 200, 400])
  expect([backoff.next(undefined), backoff.next(undefined), backoff.next(undefined)]).toEqual([800, 1600, undefined])
})
