// The timing wheel against a plain list: never early, at most one tick late, none lost, none twice, whatever is added,
// cancelled and re-armed, also while timers come out, however the clock jumps and however small the budget is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { NEVER, NODE_BYTES, WheelModel } from './support.ts'

const NODES = 48
const core = new TestCore()
const START = 1_700_000_000_000n

type Step =
  | { readonly kind: 'arm'; readonly node: number; readonly delay: bigint }
  | { readonly kind: 'cancel'; readonly node: number }
  | { readonly kind: 'advance'; readonly by: bigint; readonly steps: number; readonly inside: readonly Step[] }

/** Delays of every size: near the borders of slots and levels, in the past, hours and ages away. */
const delay = fc.oneof(
  fc.bigInt(-3n, 3n),
  fc.bigInt(0n, 200n),
  fc.bigInt(0n, 10_000n),
  fc.bigInt(0n, 50_000_000n),
  fc.tuple(fc.nat(62), fc.bigInt(-2n, 2n)).map(([bits, off]) => (1n << BigInt(bits)) + off),
)
const node = fc.nat(NODES - 1)
const arm = fc.record({ kind: fc.constant('arm' as const), node, delay })
const cancel = fc.record({ kind: fc.constant('cancel' as const), node })
const steps = fc.oneof(fc.constant(0xffffffff), fc.nat(5), fc.nat(100))

function advance(by: fc.Arbitrary<bigint>): fc.Arbitrary<Step> {
  const inside = fc.array(fc.oneof(arm, cancel), { maxLength: 6 })
  return fc.record({ kind: fc.constant('advance' as const), by, steps, inside })
}

function run(start: bigint, script: readonly Step[]): void {
  const model = new WheelModel(start, NODES, core)
  const act = (step: Step): void => {
    if (step.kind === 'arm') {
      const due = model.now + step.delay
      model.arm(step.node, due < 0n ? 0n : due >= NEVER ? NEVER - 1n : due)
    } else if (step.kind === 'cancel') {
      model.cancel(step.node)
    } else {
      const now = model.now + step.by
      model.set(now < 0n ? 0n : now >= 1n << 63n ? 1n << 63n : now)
      let i = 0
      model.advance(step.steps, () => {
        const next = step.inside[i++]
        if (next !== undefined) act(next)
      })
    }
  }
  try {
    for (const step of script) act(step)
    // in the end everything comes out, and only once
    for (let rounds = 0; model.pending.size > 0; rounds++) {
      if (rounds > 10 * NODES) throw new Error(`${model.pending.size} nodes never come out`)
      const next = model.next()
      model.set(next > model.now ? next : model.now + 1n)
      model.advance()
    }
  } finally {
    core.call('free', model.wheel)
    core.call('free', model.nodes[0]!)
  }
}

describe('against a plain list', () => {
  const forward = fc.oneof(
    fc.bigInt(0n, 3n),
    fc.bigInt(0n, 5_000n),
    fc.bigInt(0n, 20_000_000n),
    fc.nat(62).map((bits) => 1n << BigInt(bits)),
  )
  const back = fc.oneof(fc.bigInt(-5n, 0n), fc.bigInt(-20_000_000n, 0n))
  const start = fc.oneof(
    fc.constantFrom(0n, 63n, 64n, START, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n),
    fc.bigInt(0n, 2n ** 60n),
  )

  test('a clock that only goes forward', () => {
    const script = fc.array(fc.oneof(arm, arm, cancel, advance(forward)), { maxLength: 120 })
    fc.assert(fc.property(start, script, run), { seed: SEED, numRuns: 2000 })
  })

  test('a clock that is set forward and back', () => {
    const script = fc.array(fc.oneof(arm, arm, cancel, advance(forward), advance(back)), { maxLength: 120 })
    fc.assert(fc.property(start, script, run), { seed: SEED, numRuns: 2000 })
  })
})

const fresh = (now = START): WheelModel => new WheelModel(now, NODES, core)

/** The wheel knows at once when its only node is due, and it comes out then, not a tick before and not one later. */
function comesOutAt(model: WheelModel, due: bigint): void {
  model.arm(0, due)
  expect(model.next()).toBe(due)
  model.set(due - 1n)
  expect(model.advance()).toEqual([])
  expect(model.next()).toBe(due)
  model.set(due)
  expect(model.advance()).toEqual([0])
  expect(model.next()).toBe(NEVER)
}

describe('edges', () => {
  test.each(Array.from({ length: 10 }, (_, level) => level + 1))('both sides of the border of level %i', (level) => {
    const width = 64n ** BigInt(level)
    for (const start of [0n, 1n, width - 1n, width, START, 2n ** 32n - 1n, 2n ** 32n]) {
      for (const off of [-1n, 0n, 1n, 63n, 64n]) comesOutAt(fresh(start), start + width + off)
      const border = (start / width + 1n) * width // where all digits below turn to zero
      for (const off of [0n, 1n, 63n, 64n]) comesOutAt(fresh(start), border + off)
    }
  })

  test('a due time that is over comes out at the next tick, and not before', () => {
    const model = fresh(1000n)
    model.arm(0, 0n)
    model.arm(1, 1000n)
    model.arm(2, 1001n)
    expect(model.next()).toBe(1001n)
    expect(model.advance()).toEqual([])
    model.set(1001n)
    expect(model.advance().sort()).toEqual([0, 1, 2])
  })

  test('one that re-arms itself for now comes once a tick, and holds up nobody', () => {
    const model = fresh(0n)
    model.arm(0, 1n)
    model.arm(1, 500n)
    const fired: number[] = []
    for (let now = 1n; now <= 500n; now++) {
      model.set(now)
      fired.push(...model.advance(0xffffffff, (node) => node === 0 && model.arm(0, 0n)))
    }
    expect(fired.filter((node) => node === 0).length).toBe(500)
    expect(fired.filter((node) => node === 1).length).toBe(1)
  })

  test('those of one tick come out together, and may cancel each other meanwhile', () => {
    const model = fresh()
    for (let i = 0; i < NODES; i++) model.arm(i, START + 5000n)
    model.set(START + 5000n)
    const fired = model.advance(0xffffffff, (node) => {
      const other = node ^ 1
      if (model.pending.has(other)) model.cancel(other)
    })
    expect(fired.length).toBe(NODES / 2)
    expect(new Set(fired.map((node) => node >> 1)).size).toBe(NODES / 2)
  })

  test('never is no time, and the last but one is', () => {
    const model = fresh()
    model.arm(0, NEVER)
    model.arm(1, NEVER - 1n)
    model.set(1n << 63n)
    expect(model.advance()).toEqual([])
    expect(model.next()).toBe(NEVER - 1n)
    model.cancel(1)
    model.cancel(0)
    expect(model.next()).toBe(NEVER)
  })

  test('the clock is set back by an hour: what is pending is due on the clock, not before', () => {
    const HOUR = 3_600_000n
    const model = fresh()
    model.arm(0, START + 10_000n)
    model.set(START + HOUR)
    model.arm(1, START + HOUR + 10_000n)
    expect(model.advance()).toEqual([0])
    model.set(START)
    model.arm(2, START + 20_000n) // before the wheel has heard of it
    expect(model.advance()).toEqual([])
    model.arm(3, START + 5000n)
    model.set(START + 5000n)
    expect(model.advance()).toEqual([3])
    model.set(START + 20_000n)
    expect(model.advance()).toEqual([2])
    model.set(START + HOUR + 9999n)
    expect(model.advance()).toEqual([])
    model.set(START + HOUR + 10_000n)
    expect(model.advance()).toEqual([1])
  })
})

describe('cost, in steps and in nodes put into slots', () => {
  const spent = (model: WheelModel, given: number): number => given - model.left()

  test('add, cancel and re-arm put one node into one slot, or none', () => {
    const model = fresh()
    const random = new Random(SEED)
    for (let i = 1; i < NODES; i++) model.arm(i, START + BigInt(1 + random.below(1 << 30)))
    for (let i = 0; i < 1000; i++) {
      const before = model.placed()
      model.arm(0, START + BigInt(1000 + random.below(1 << 30)))
      expect(model.placed() - before).toBe(1)
      model.arm(0, model.pending.get(0)!.due + 1n)
      expect(model.placed() - before).toBe(1)
      model.arm(0, START + 500n)
      expect(model.placed() - before).toBe(2)
      model.cancel(0)
      expect(model.placed() - before).toBe(2)
    }
  })

  test('an idle timer that is put off a hundred thousand times costs a step a period', () => {
    const PERIOD = 30_000n
    const model = fresh()
    model.arm(0, START + PERIOD)
    const before = model.placed()
    let steps = 0
    for (let packet = 0n; packet < 1000n; packet++) {
      for (let i = 0; i < 100; i++) model.arm(0, model.now + PERIOD)
      model.set(model.now + 300n) // ten periods in all
      model.advance(1000)
      steps += spent(model, 1000)
    }
    const last = model.now - 300n + PERIOD
    expect(steps).toBeLessThanOrEqual(10 * 11)
    expect(model.placed() - before).toBeLessThanOrEqual(10 * 11)
    model.set(last - 1n)
    expect(model.advance()).toEqual([])
    model.set(last)
    expect(model.advance()).toEqual([0])
  })

  test('a node is looked at once a level at most, and at once where nothing is sooner', () => {
    const model = fresh(0n)
    const random = new Random(SEED)
    for (let i = 0; i < NODES; i++) model.arm(i, BigInt(1 + random.below(2 ** 31)))
    let steps = 0
    while (model.pending.size > 0) {
      const next = model.next()
      expect(next).toBe(model.earliest()) // nothing was cancelled or put off: exact
      model.set(next)
      expect(model.advance().length).toBeGreaterThan(0) // and never a look in vain
      steps += spent(model, 0xffffffff)
    }
    expect(steps).toBeLessThanOrEqual(NODES * 6)
    model.arm(0, model.now + 40_000_000_000n)
    model.set(model.now + 40_000_000_000n)
    expect(model.advance()).toEqual([0])
    expect(spent(model, 0xffffffff)).toBe(1)
  })

  test('a clock that jumps by years looks at what is pending, and at nothing else', () => {
    const model = fresh()
    for (let i = 0; i < NODES; i++) model.arm(i, START + BigInt(i) * 86_400_000n)
    const YEAR = 365n * 86_400_000n
    model.set(START + YEAR)
    const fired: number[] = []
    let calls = 0
    while (fired.length < NODES) {
      fired.push(...model.advance(7))
      expect(spent(model, 7)).toBeLessThanOrEqual(7)
      expect(++calls).toBeLessThan((NODES * 11) / 7)
    }
    expect(fired).toEqual(Array.from({ length: NODES }, (_, i) => i))
  })

  test('a budget stops in the middle of a slot, and the rest comes next, in order', () => {
    const model = fresh()
    for (let i = 0; i < NODES; i++) model.arm(i, START + 100n + BigInt(i % 3))
    model.set(START + 5000n)
    const fired: number[] = []
    for (let calls = 0; model.pending.size > 0; calls++) {
      expect(calls).toBeLessThan(NODES * 3)
      fired.push(...model.advance(1))
      expect(model.next()).toBeLessThanOrEqual(model.pending.size > 0 ? model.now : NEVER)
    }
    expect(fired.map((node) => node % 3)).toEqual([...fired.map((node) => node % 3)].sort())
  })
})

test('a million pending timers: all come out, on time, and a pair of add and cancel touches no other', () => {
  const COUNT = 1_000_000
  const SPREAD = 3_600_000
  const many = new TestCore({ heapBytes: 40 << 20 })
  const wheel = many.call('alloc', many.global('WHEEL_BYTES'))
  const nodes = many.call('alloc', (COUNT + 1) * NODE_BYTES)
  many.bytes.fill(0, nodes, nodes + (COUNT + 1) * NODE_BYTES)
  many.call('wheelCreate', wheel, START)
  many.call('testWheelFill', wheel, nodes, COUNT, START, SPREAD, 7)
  many.call('testWheelPairs', wheel, nodes + COUNT * NODE_BYTES, 100_000, START, SPREAD, 11)
  many.call('testWheelChurn', wheel, nodes, COUNT, 100_000, START, SPREAD, 13)
  expect(many.call('wheelPending', wheel)).toBe(COUNT)
  expect(many.call('wheelPlaced', wheel)).toBe(COUNT + 200_000)
  let fired = 0
  let steps = 0
  for (let now = 0; now <= SPREAD; now += 60_000) {
    many.call('wheelBudget', 0xffffffff)
    const count = many.call('testWheelDrain', wheel, START + BigInt(now))
    steps += 0xffffffff - (many.global('wheelSteps') >>> 0)
    expect(count).not.toBe(-1) // one came early
    fired += count
  }
  expect(fired).toBe(COUNT)
  expect(steps).toBeLessThan(5 * COUNT)
})
