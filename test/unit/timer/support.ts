// A timing wheel of the core, and the truth about it: a plain list of what is pending, against which every answer is
// held. Times are BigInts, because a wheel covers every u64.
import { TestCore } from '../core-test.ts'

export const NODE_BYTES = 16
export const NEVER = 2n ** 64n - 1n
const STEPS_MAX = 0xffffffff

interface Pending {
  due: bigint
  /** What the clock said when the wheel was last asked: a due time that is over by then is due one tick later. */
  floor: bigint
}

export class WheelModel {
  readonly core: TestCore
  readonly wheel: number
  readonly nodes: number[]
  readonly pending: Map<number, Pending> = new Map()
  now: bigint

  constructor(now: bigint, nodes: number, core: TestCore = new TestCore()) {
    this.core = core
    this.now = now
    this.wheel = core.call('alloc', core.global('WHEEL_BYTES'))
    core.bytes.fill(0xa5, this.wheel, this.wheel + core.global('WHEEL_BYTES')) // nothing may rely on fresh memory
    core.call('wheelCreate', this.wheel, now)
    const first = core.call('alloc', nodes * NODE_BYTES)
    core.bytes.fill(0, first, first + nodes * NODE_BYTES)
    this.nodes = Array.from({ length: nodes }, (_, i) => first + i * NODE_BYTES)
  }

  /** Adds the node, or moves it where it is pending. */
  arm(node: number, due: bigint): void {
    if (this.pending.has(node)) this.core.call('wheelRearm', this.wheel, this.nodes[node]!, due)
    else this.core.call('wheelAdd', this.wheel, this.nodes[node]!, due)
    this.pending.set(node, { due, floor: this.now })
  }

  cancel(node: number): void {
    const was = this.core.call('wheelCancel', this.wheel, this.nodes[node]!) !== 0
    if (was !== this.pending.delete(node)) throw new Error(`cancel of ${node} says ${was}`)
  }

  /** Sets the clock; between two looks of the wheel it may go either way. */
  set(now: bigint): void {
    if (now < this.now) for (const it of this.pending.values()) if (it.floor > now) it.floor = now
    this.now = now
  }

  /**
   * Takes out what is due, in up to `steps` steps, with `fired` called for each between two takes. Checks that nothing
   * comes early, twice or out of order, and that nothing due is left unless the budget is used up.
   */
  advance(steps: number = STEPS_MAX, fired: (node: number, due: bigint) => void = () => {}): number[] {
    const { core } = this
    const out: number[] = []
    let last = 0n
    core.call('wheelBudget', steps)
    for (;;) {
      const at = core.call('wheelDue', this.wheel, this.now)
      if (at === 0) break
      const node = this.nodes.indexOf(at)
      const it = this.pending.get(node)
      if (it === undefined) throw new Error(`node ${node} came out, but is not pending`)
      if (it.due > this.now) throw new Error(`node ${node} is due at ${it.due}, and it is only ${this.now}`)
      if (it.due > it.floor) {
        if (it.due < last) throw new Error(`node ${node}, due at ${it.due}, comes after one due at ${last}`)
        last = it.due
      }
      this.pending.delete(node)
      out.push(node)
      fired(node, it.due)
    }
    if (this.left() > 0) {
      for (const [node, { due, floor }] of this.pending) {
        const at = due > floor ? due : floor + 1n
        if (at <= this.now) throw new Error(`node ${node} is late: due at ${due}, known at ${floor}, now ${this.now}`)
      }
    } else if (out.length > steps) {
      throw new Error(`${out.length} nodes in ${steps} steps`)
    }
    this.check()
    return out
  }

  /** Steps that the last advance has left over. */
  left(): number {
    return this.core.global('wheelSteps') >>> 0
  }

  /** When the wheel says that the next node is due. */
  next(): bigint {
    return BigInt.asUintN(64, this.core.call('wheelNext', this.wheel) as unknown as bigint)
  }

  placed(): number {
    return this.core.call('wheelPlaced', this.wheel) >>> 0
  }

  /** When the first node that is pending is due. */
  earliest(): bigint {
    let first = NEVER
    for (const { due } of this.pending.values()) if (due < first) first = due
    return first
  }

  /** The wheel counts as many as are pending, and never promises a time later than the first of them. */
  check(): void {
    const count = this.core.call('wheelPending', this.wheel)
    if (count !== this.pending.size) throw new Error(`${count} nodes pending, not ${this.pending.size}`)
    if (count === 0 && this.next() !== NEVER) throw new Error(`an empty wheel is due at ${this.next()}`)
    const earliest = this.earliest()
    if (this.next() > (earliest > this.now ? earliest : this.now + 1n)) {
      throw new Error(`the wheel would sleep until ${this.next()}, over a node due at ${earliest}`)
    }
    for (const [i, node] of this.nodes.entries()) {
      if ((this.core.call('wheelHas', node) !== 0) !== this.pending.has(i)) throw new Error(`node ${i} is lost`)
    }
  }
}
