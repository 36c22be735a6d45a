// The TLSF pool against a map of its bytes: no two allocations overlap, what they hold is kept, a refusal is honest,
// and in the end everything is one free block again.
import { expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { filledWith, must } from './support.ts'

const HEADER = 4

/** A pool and the truth about it: which allocation owns each of its bytes. */
class Model {
  readonly core = new TestCore({ heapBytes: 8 << 20, slabBytes: 1 << 20 })
  readonly memory: Uint8Array
  readonly start: number
  readonly pool: number
  readonly bytes: number
  readonly live = new Map<number, { readonly bytes: number; readonly mark: number }>()
  #owned: Uint8Array
  #used = 0
  #mark = 0

  constructor(bytes: number) {
    this.bytes = bytes
    this.start = this.core.call('alloc', bytes)
    this.pool = this.core.call('poolCreate', this.start, this.start + bytes)
    this.memory = this.core.bytes
    this.#owned = new Uint8Array(bytes)
    // the record is nobody's to hand out: all that the pool cannot reach is owned from the beginning
    const capacity = this.core.call('poolBytes', this.pool)
    const first = this.#whole()
    this.#owned.fill(1, 0, first - HEADER - this.start)
    this.#owned.fill(1, first - HEADER - this.start + capacity)
    expect(capacity).toBeGreaterThan(bytes - 4096)
  }

  /** Where the whole pool would be handed out. */
  #whole(): number {
    const at = this.core.call('poolAlloc', this.pool, 1)
    this.core.call('poolFree', this.pool, at)
    return at
  }

  alloc(bytes: number): number {
    const at = this.core.call('poolAlloc', this.pool, bytes)
    const cost = this.core.call('poolCost', bytes)
    if (at === 0) {
      // a good fit is found by rounding up by a sixteenth at most
      must(this.#largestGap() < cost + Math.max(16, bytes / 16 + 1), `${bytes} bytes would have fitted`)
      return 0
    }
    const size = this.core.call('poolSize', at)
    must(at % 16 === 0, `${at} is aligned`)
    must(size >= bytes && size + HEADER === cost, `${bytes} bytes cost ${cost}, not ${size} and a header`)
    const from = at - HEADER - this.start
    const owned = this.#owned.subarray(from, from + HEADER + size)
    must(owned.length === HEADER + size && owned.indexOf(1) < 0, `the ${bytes} bytes at ${at} are nobody else's`)
    owned.fill(1)
    this.#used += HEADER + size
    this.#mark = (this.#mark % 255) + 1
    this.memory.fill(this.#mark, at, at + bytes) // every byte that was asked for, up to the last
    this.live.set(at, { bytes, mark: this.#mark })
    return at
  }

  free(at: number): void {
    const { bytes, mark } = this.live.get(at)!
    must(filledWith(this.memory, at, bytes, mark), `the ${bytes} bytes at ${at} are kept`)
    const size = this.core.call('poolSize', at)
    this.core.call('poolFree', this.pool, at)
    this.live.delete(at)
    this.#owned.fill(0, at - HEADER - this.start, at + size - this.start)
    this.#used -= HEADER + size
  }

  /** Checks the pool from inside and its figures from outside; returns its free blocks. */
  check(): number {
    must(this.core.call('poolUsed', this.pool) === this.#used, `${this.#used} bytes are used`)
    return this.core.call('poolCheck', this.pool)
  }

  freeAll(order: (at: number[]) => number[] = (at) => at): void {
    for (const at of order([...this.live.keys()])) this.free(at)
  }

  #largestGap(): number {
    const owned = this.#owned
    let largest = 0
    for (let from = owned.indexOf(0); from >= 0; ) {
      const to = owned.indexOf(1, from)
      largest = Math.max(largest, (to < 0 ? owned.length : to) - from)
      from = to < 0 ? -1 : owned.indexOf(0, to)
    }
    return largest
  }
}

function size(random: Random): number {
  switch (random.below(6)) {
    case 0:
      return random.below(16)
    case 1:
      return 13 + 16 * random.below(80) // one byte more than a payload holds
    case 2:
      return Math.max(0, (1 << random.below(16)) + random.between(-17, 17))
    case 3:
      return random.below(20_000)
    default:
      return random.below(400)
  }
}

test(`random sizes in random order (MILLRACE_SEED=${SEED})`, () => {
  let refused = 0
  for (let round = 0; round < 6; round++) {
    const random = new Random(SEED + round)
    const model = new Model(random.pick([20_000, 65_536, 400_000]))
    const whole = model.check()
    expect(whole).toBe(1)
    for (let step = 0; step < 3000; step++) {
      const filling = step % 600 < 400 ? 0.6 : 0.35
      const places = [...model.live.keys()]
      if (places.length === 0 || random.chance(filling)) refused += model.alloc(size(random)) === 0 ? 1 : 0
      else model.free(random.pick(places))
      model.check()
    }
    model.freeAll((places) => places.sort(() => random.between(-1, 1)))
    expect(model.check()).toBe(1)
    expect(model.core.call('poolUsed', model.pool)).toBe(0)
  }
  expect(refused, 'pools were full at times').toBeGreaterThan(0)
})

test('an allocation has every byte that was asked for: alloc(29) is not 28', () => {
  const model = new Model(4 << 20)
  for (let bytes = 0; bytes <= 1600; bytes++) expect(model.alloc(bytes)).not.toBe(0)
  for (let bytes = 1613; bytes < 40_000; bytes += 16 * 29) expect(model.alloc(bytes)).not.toBe(0)
  model.check()
  model.freeAll()
  expect(model.check()).toBe(1)
})

test('a full pool refuses, recovers, and gives the same room again', () => {
  const model = new Model(100_000)
  const bytes = 236 // sizes below 256 have lists of their own, so that a hole is as good as new
  const fill = (): number => {
    let count = 0
    while (model.alloc(bytes) !== 0) count++
    return count
  }
  const count = fill()
  expect(count).toBeGreaterThan(400)
  const [first, second, third] = [...model.live.keys()].sort((a, b) => a - b)
  model.free(second!)
  expect(model.alloc(bytes)).toBe(second)
  expect(model.alloc(bytes)).toBe(0)
  model.free(first!)
  model.free(third!)
  expect(model.alloc(2 * bytes), 'two holes with something between are not one').toBe(0)
  model.free(second!)
  expect(model.alloc(3 * bytes - 16)).toBe(first)
  model.freeAll()
  expect(fill()).toBe(count)
  model.freeAll((places) => places.reverse())
  expect(model.check()).toBe(1)
})

test.each([0xe0000001, 0xffffffff, 0x7fffffff, 100_000])('%i bytes are refused where they cannot be', (bytes) => {
  const model = new Model(100_000)
  expect(model.core.call('poolAlloc', model.pool, bytes)).toBe(0)
  expect(model.check()).toBe(1)
})

test('freeing twice traps', () => {
  const model = new Model(20_000)
  const at = model.alloc(100)
  model.alloc(100)
  model.free(at)
  expect(() => model.core.call('poolFree', model.pool, at)).toThrow(WebAssembly.RuntimeError)
})
