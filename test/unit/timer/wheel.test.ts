// The timing wheel against a plain list: never early, at most one tick late, none lost, none twice, whatever is added,
// cancelled and re-armed, also while timers come out, however the clock jumps and however small the budget is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { NEVER, WheelModel } from './support.ts'

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
