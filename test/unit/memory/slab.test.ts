// Slabs against a map: objects never overlap and keep what they hold, and pages go back to be used by other classes.
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { filledWith, must } from './support.ts'

const PAGE = 256 * 1024
const CLASSES = 10
const objectBytes = (cls: number): number => 64 << cls
const perPage = (cls: number): number => Math.floor((PAGE - 64) / objectBytes(cls))

class Model {
  readonly core: TestCore
  readonly memory: Uint8Array
  /** Objects by address: their class, and the byte they are filled with. */
  readonly live = new Map<number, { readonly cls: number; readonly mark: number }>()
  #units = new Set<number>()
  #used = 0
  #mark = 0

  constructor(pages: number) {
    this.core = new TestCore({ heapBytes: 1 << 20, slabBytes: (pages + 1) * PAGE })
    this.memory = this.core.bytes
  }

  alloc(cls: number): number {
    const at = this.core.call('slabAlloc', cls)
    if (at === 0) return 0
    must(at % 64 === 0, `${at} is aligned`)
    const bytes = objectBytes(cls)
    for (let unit = at; unit < at + bytes; unit += 64) {
      must(!this.#units.has(unit), `the object of class ${cls} at ${at} is nobody else's`)
      this.#units.add(unit)
    }
    must(at % PAGE >= 64 && (at % PAGE) + bytes <= PAGE, `the object at ${at} lies within one page`)
    this.#mark = (this.#mark % 255) + 1
    this.memory.fill(this.#mark, at, at + bytes)
    this.live.set(at, { cls, mark: this.#mark })
    this.#used += bytes
    return at
  }

  free(at: number): void {
    const { cls, mark } = this.live.get(at)!
    const bytes = objectBytes(cls)
    must(filledWith(this.memory, at, bytes, mark), `the object of class ${cls} at ${at} is kept`)
    this.core.call('slabFree', at)
    this.live.delete(at)
    for (let unit = at; unit < at + bytes; unit += 64) this.#units.delete(unit)
    this.#used -= bytes
  }

  check(): void {
    must(this.core.call('slabUsed') === this.#used, `${this.#used} bytes are used`)
    must(this.pages * PAGE >= this.#used, `${this.pages} pages hold them`)
  }

  get pages(): number {
    return this.core.call('slabBytes') / PAGE
  }

  /** Trims as turns would until there is no surplus. */
  trim(): void {
    while (this.core.call('slabTrim', 3) > 0) {}
    must(this.core.call('slabSurplus') === 0, 'nothing is left to trim')
  }

  fill(cls: number): number {
    let count = 0
    while (this.alloc(cls) !== 0) count++
    return count
  }

  freeAll(random?: Random): void {
    const places = [...this.live.keys()]
    if (random) places.sort(() => random.between(-1, 1))
    for (const at of places) this.free(at)
  }
}

test('a class holds what fits', () => {
  const { core } = new Model(1)
  for (const bytes of [1, 63, 64, 65, 127, 128, 129, 4096, 4097, 16_384, 16_385, 32_767, 32_768]) {
    const cls = core.call('slabClass', bytes)
    expect(objectBytes(cls)).toBeGreaterThanOrEqual(bytes)
    expect(cls === 0 || objectBytes(cls - 1) < bytes).toBe(true)
  }
  expect(core.call('slabClass', 32_768)).toBe(CLASSES - 1)
})

test(`random objects in random order (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 4; round++) {
    const random = new Random(SEED + round)
    const model = new Model(12)
    let refused = 0
    for (let step = 0; step < 6000; step++) {
      const filling = step % 1500 < 1000 ? 0.62 : 0.3
      if (model.live.size === 0 || random.chance(filling)) {
        const cls = random.chance(0.6) ? random.between(6, 9) : random.below(CLASSES)
        if (model.alloc(cls) === 0) refused++
      } else {
        const places = model.live.keys()
        for (let skip = random.below(Math.min(model.live.size, 60)); skip > 0; skip--) places.next()
        model.free(places.next().value!)
      }
      model.check()
    }
    expect(refused).toBeGreaterThan(0)
    model.freeAll(random)
    model.check()
    expect(model.core.call('slabUsed')).toBe(0)
    model.trim()
    expect(model.pages, 'a page of each class serves, and one is kept').toBeLessThanOrEqual(2 * CLASSES)
  }
})

test.each(Array.from({ length: CLASSES }, (_, cls) => cls))(
  'class %i fills whole pages, and gives them back',
  (cls) => {
    const model = new Model(4)
    const count = model.fill(cls)
    const pages = model.pages
    expect(pages).toBeGreaterThanOrEqual(4)
    expect(count).toBe(pages * perPage(cls))
    expect(model.alloc(cls)).toBe(0)
    model.freeAll()
    expect(model.core.call('slabUsed')).toBe(0)
    const other = (cls + 5) % CLASSES
    expect(model.fill(other), 'the pages are there for another class').toBe(pages * perPage(other))
    expect(model.pages).toBe(pages)
    model.freeAll()
    model.trim()
    expect(model.pages, 'one serves, and one is kept').toBe(2)
  },
)

test('a full region goes on as soon as one object is back', () => {
  const model = new Model(2)
  model.fill(3)
  for (const at of [...model.live.keys()].slice(0, 5)) {
    expect(model.alloc(3)).toBe(0)
    model.free(at)
    expect(model.alloc(3)).toBe(at)
  }
})

describe('empty pages', () => {
  const cls = 9
  const whole = (model: Model, pages: number): number[] =>
    Array.from({ length: pages * perPage(cls) }, () => model.alloc(cls))

  test('are given back a budget at a time, and never the one that serves nor the one that is kept', () => {
    const model = new Model(12)
    whole(model, 10)
    expect([model.pages, model.core.call('slabTrim', 100)]).toEqual([10, 0])
    model.freeAll()
    expect([model.pages, model.core.call('slabSurplus')]).toEqual([10, 8])
    expect(model.core.call('slabTrim', 0)).toBe(0)
    const given = [3, 3, 3, 3].map((budget) => model.core.call('slabTrim', budget))
    expect([given, model.pages, model.core.call('slabSurplus')]).toEqual([[3, 3, 2, 0], 2, 0])
    model.core.call('memoryTick')
    expect(model.pages).toBe(2)
    model.check()
  })

  test('do not come and go where a class breathes at the border of a page', () => {
    const model = new Model(6)
    const held = whole(model, 2)
    const pages: number[] = []
    for (let step = 0; step < 50; step++) {
      const more = [model.alloc(cls), model.alloc(cls)]
      pages.push(model.pages)
      for (const at of more) model.free(at)
      model.core.call('memoryTick')
      pages.push(model.pages)
    }
    expect(new Set(pages)).toEqual(new Set([3]))
    for (const at of held) model.free(at)
    model.trim()
    expect(model.pages).toBe(2)
  })

  test('a turn trims four pages, and one cheap look is all where there is nothing to do', () => {
    const model = new Model(14)
    whole(model, 12)
    model.freeAll()
    const seen = [0, 1, 2, 3].map(() => {
      model.core.call('memoryTick')
      return model.pages
    })
    expect(seen).toEqual([8, 4, 2, 2])
  })

  test('an empty page behind one that fills again is not forgotten', () => {
    const model = new Model(6)
    const [first, ...rest] = whole(model, 1)
    const next = model.alloc(cls) // of a second page, which then is empty and alone
    model.free(next)
    model.free(first!) // the first has room again, and serves from now on
    expect(model.pages).toBe(2)
    model.core.call('slabLimit', PAGE)
    expect(model.pages, 'a cap takes empty pages at once').toBe(1)
    for (const at of rest) model.free(at)
    model.check()
  })
})

test('a capped region grows no further, and shrinks as pages fall empty', () => {
  const model = new Model(8)
  const { core } = model
  core.call('slabLimit', 3 * PAGE)
  expect(model.fill(9)).toBe(3 * perPage(9))
  expect([model.pages, model.alloc(0)]).toEqual([3, 0])
  core.call('slabLimit', 4 * PAGE)
  expect(model.alloc(0)).not.toBe(0)
  core.call('slabLimit', PAGE)
  expect(model.pages, 'what is in use stays').toBe(4)
  model.freeAll()
  expect(model.pages).toBeLessThanOrEqual(2)
  core.call('slabLimit', 0xffffffff)
  expect(model.fill(5)).toBeGreaterThan(7 * perPage(5))
})
