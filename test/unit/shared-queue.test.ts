// The queue between threads: real producers, order, bound, and no wake that is lost.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { SharedQueue } from '../../dist/src/loop/shared-queue.js'

function producers(queue: SharedQueue, number: number, count: number, gap: number): Promise<unknown[]> {
  return Promise.all(
    Array.from({ length: number }, (_, producer) => {
      const file = new URL('./threads/queue-producer.mjs', import.meta.url)
      return once(new Worker(file, { workerData: { handle: queue.handle, producer, count, gap } }), 'exit')
    }),
  )
}

/** Checks records as they come. */
class Check {
  readonly next: number[]
  total = 0
  faults = 0
  readonly record = new Int32Array(3)

  constructor(number: number) {
    this.next = new Array<number>(number).fill(0)
  }

  taken(): void {
    const [producer, i, sum] = this.record as unknown as [number, number, number]
    if (i !== this.next[producer] || sum !== producer * 31 + i * 7) this.faults++
    this.next[producer] = i + 1
    this.total++
  }
}

describe('a shared queue', () => {
  it('holds as many records as it says, whole and in order, lap after lap', () => {
    const queue = SharedQueue.create(5, 2)
    expect(queue.handle.capacity).toBe(8)
    const into = new Int32Array(2)
    for (let lap = 0; lap < 5; lap++) {
      for (let i = 0; i < 8; i++) expect(queue.push([lap, i])).toBe(true)
      expect(queue.push([0, 0])).toBe(false)
      expect(queue.length).toBe(8)
      for (let i = 0; i < 8; i++) {
        expect(queue.take(into)).toBe(true)
        expect([...into]).toEqual([lap, i])
      }
      expect(queue.take(into)).toBe(false)
    }
  })

  it('refuses sizes that cannot be', () => {
    for (const [capacity, words] of [
      [0, 1],
      [1.5, 1],
      [1, 0],
      [2 ** 21, 1],
    ]) {
      expect(() => SharedQueue.create(capacity as number, words as number)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
      )
    }
  })

  it.each([0, 100])('takes what four threads push, in the order of each, asleep in between (gap %i)', async (gap) => {
    const queue = SharedQueue.create(64, 3)
    const count = gap === 0 ? 20_000 : 2_000
    const check = new Check(4)
    let answers = 0
    let longest = 0
    await new Promise<void>((resolve) => {
      queue.attend(() => {
        answers++
        longest = Math.max(longest, queue.length)
        for (let i = 0; i < 32 && queue.take(check.record); i++) check.taken()
        if (check.total === 4 * count) resolve()
        return queue.length > 0
      })
      void producers(queue, 4, count, gap)
    })
    queue.leave()
    expect(check.next).toEqual([count, count, count, count])
    expect(check.faults).toBe(0)
    expect(longest).toBeLessThanOrEqual(64)
    // an answer per record at most, and two looks around a sleep: it does not poll
    expect(answers).toBeLessThan(3 * 4 * count)
  })

  it('is quiet while nothing comes', async () => {
    const queue = SharedQueue.create(4, 1)
    let answers = 0
    queue.attend(() => {
      answers++
      return false
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(answers).toBe(2) // the look before and the one after saying ASLEEP
    queue.leave()
  })

  it('lets a thread that may block wait for records', async () => {
    const queue = SharedQueue.create(16, 3)
    const check = new Check(2)
    const ended = producers(queue, 2, 500, 50)
    while (check.total < 1000 && queue.takeWait(check.record, 10_000)) check.taken()
    expect(check.next).toEqual([500, 500])
    expect(check.faults).toBe(0)
    expect(queue.takeWait(check.record, 20)).toBe(false)
    await ended
  })
})
