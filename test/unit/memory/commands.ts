// Every operation of skbs and queues as a command: what it does to the naive buffers, and to the real ones. An
// operation that needs memory may be refused where there is none, and then has changed nothing.
import type { Buffered, Model, Queued, Real } from './model.ts'
import { must } from './support.ts'

/** How an operation chooses among what there is: any numbers, taken modulo what is possible. */
export interface Choice {
  readonly a: number
  readonly b: number
  readonly n: number
}

type Operation = (model: Model, real: Real, choice: Choice) => void

const SIZES = [0, 1, 47, 48, 49, 200, 496, 497, 3000, 16_369, 40_000]

const pick = <T>(all: readonly T[], n: number): T | undefined => all[n % all.length]

/** One that only we hold: what several hold, nobody may change. */
function mine(model: Model, n: number): Buffered | undefined {
  return pick(
    model.skbs.filter(({ holders }) => holders === 1),
    n,
  )
}

function remove(model: Model, buffered: Buffered): void {
  model.skbs.splice(model.skbs.indexOf(buffered), 1)
}

/** Adds a new skb, which is 0 only where memory is short. */
function add(model: Model, real: Real, skb: number, bytes: Buffer): boolean {
  must(skb !== 0 || real.starved, 'memory is only refused where there is none')
  if (skb !== 0) model.skbs.push({ skb, bytes, holders: 1 })
  return skb !== 0
}

/** Two different queues. */
function two(model: Model, n: number): [Queued, Queued] {
  const to = model.queues[n % model.queues.length]!
  return [to, model.queues[(n + 1) % model.queues.length]!]
}

function lost(real: Real): boolean {
  const was = real.core.call('queueLost') !== 0
  must(!was || real.starved, 'a write is only lost where memory is short')
  return was
}

/** A range of at most `limit`, as `n` chooses; often nothing or everything. */
function some(n: number, limit: number): number {
  if (n % 8 === 0) return limit
  return n % (limit + 1)
}

export const operations: Readonly<Record<string, Operation>> = {
  alloc(model, real, { n, b }) {
    const skb = real.core.call('skbAlloc', pick(SIZES, n)!)
    if (!add(model, real, skb, Buffer.alloc(0))) return
    const room = Math.min(real.core.call('skbTailroom', skb), 300)
    real.core.call('skbReserve', skb, some(b, room))
  },
  put(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const bytes = real.fresh(some(n, Math.min(real.core.call('skbTailroom', one.skb), 2000)))
    real.memory.set(bytes, real.core.call('skbPut', one.skb, bytes.length))
    one.bytes = Buffer.concat([one.bytes, bytes])
  },
  push(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const bytes = real.fresh(some(n, Math.min(real.core.call('skbHeadroom', one.skb), 200)))
    real.memory.set(bytes, real.core.call('skbPush', one.skb, bytes.length))
    one.bytes = Buffer.concat([bytes, one.bytes])
  },
  pull(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const bytes = some(n, one.bytes.length)
    real.core.call('skbPull', one.skb, bytes)
    one.bytes = one.bytes.subarray(bytes)
  },
  trim(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const bytes = some(n, one.bytes.length)
    real.core.call('skbTrim', one.skb, bytes)
    one.bytes = one.bytes.subarray(0, bytes)
  },
  clone(model, real, { a }) {
    const one = pick(model.skbs, a)
    if (one) add(model, real, real.core.call('skbClone', one.skb), one.bytes)
  },
  copy(model, real, { a, b, n }) {
    const one = pick(model.skbs, a)
    if (!one) return
    const [head, tail] = [b % 100, n % 1000]
    const copy = real.core.call('skbCopy', one.skb, head, tail)
    if (!add(model, real, copy, one.bytes)) return
    must(real.core.call('skbHeadroom', copy) === head, 'the headroom is as it was asked for')
    must(real.core.call('skbTailroom', copy) >= tail, 'the tailroom is as it was asked for')
    must(real.pieces(copy).length === 1 && real.core.call('skbIsShared', copy) === 0, 'a copy is one piece of its own')
  },
  split(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const at = some(n, one.bytes.length)
    const rest = real.core.call('skbSplit', one.skb, at)
    if (!add(model, real, rest, one.bytes.subarray(at))) return
    one.bytes = one.bytes.subarray(0, at)
  },
  addFragment(model, real, { a, b }) {
    const one = mine(model, a)
    const other = mine(model, b)
    if (!one || !other || one === other || one.bytes.length + other.bytes.length > 1 << 20) return
    real.core.call('skbAddFragment', one.skb, other.skb)
    one.bytes = Buffer.concat([one.bytes, other.bytes])
    remove(model, other)
  },
  linearize(model, real, { a }) {
    const one = mine(model, a)
    if (!one) return
    const done = real.core.call('skbLinearize', one.skb) !== 0
    must(done || real.starved, 'memory is only refused where there is none')
    if (done) must(real.pieces(one.skb).length === 1, 'all bytes are in one piece')
  },
  grow(model, real, { a, n }) {
    const one = mine(model, a)
    if (!one) return
    const bytes = one.bytes.length + (n % 5000)
    const done = real.core.call('skbGrow', one.skb, bytes) !== 0
    must(done || real.starved, 'memory is only refused where there is none')
    if (done) must(real.core.call('skbTailroom', one.skb) >= bytes - one.bytes.length, 'there is the room')
  },
  get(model, real, { a }) {
    const one = pick(model.skbs, a)
    if (!one) return
    real.core.call('skbGet', one.skb)
    one.holders++
  },
  free(model, real, { a }) {
    const one = pick(model.skbs, a)
    if (!one) return
    real.core.call('skbFree', one.skb)
    if (--one.holders === 0) remove(model, one)
  },
  queuePush(model, real, { a, b }) {
    const one = mine(model, a)
    if (!one) return
    const [queue] = two(model, b)
    real.core.call('queuePush', queue.at, one.skb)
    queue.bytes = Buffer.concat([queue.bytes, one.bytes])
    remove(model, one)
  },
  queuePushFront(model, real, { a, b }) {
    const one = mine(model, a)
    if (!one) return
    const [queue] = two(model, b)
    real.core.call('queuePushFront', queue.at, one.skb)
    queue.bytes = Buffer.concat([one.bytes, queue.bytes])
    remove(model, one)
  },
  queueShift(model, real, { b }) {
    const [queue] = two(model, b)
    const skb = real.core.call('queueShift', queue.at)
    if (skb === 0) {
      must(queue.bytes.length === 0, 'nothing comes where nothing is')
      return
    }
    const length = real.core.call('skbTotal', skb)
    model.skbs.push({ skb, bytes: queue.bytes.subarray(0, length), holders: 1 })
    queue.bytes = queue.bytes.subarray(length)
  },
  queueSplice(model, real, { b }) {
    const [to, from] = two(model, b)
    must(real.core.call('queueSplice', to.at, from.at) !== 0, 'there is room for all')
    to.bytes = Buffer.concat([to.bytes, from.bytes])
    from.bytes = Buffer.alloc(0)
  },
  queueSpliceFront(model, real, { b }) {
    const [to, from] = two(model, b)
    must(real.core.call('queueSpliceFront', to.at, from.at) !== 0, 'there is room for all')
    to.bytes = Buffer.concat([from.bytes, to.bytes])
    from.bytes = Buffer.alloc(0)
  },
  queueMove(model, real, { b }) {
    const [to, from] = two(model, b)
    real.core.call('queueMove', to.at, from.at)
    must(!lost(real), 'moving needs no memory')
    to.bytes = Buffer.concat([to.bytes, from.bytes])
    from.bytes = Buffer.alloc(0)
  },
  queueAppend(model, real, { b, n }) {
    const [queue] = two(model, b)
    const bytes = real.fresh(n % 700)
    const to = real.core.call('queueRoom', queue.at, bytes.length)
    if (lost(real)) return must(to === 0, 'what is lost has no room')
    real.memory.set(bytes, to)
    real.core.call('queueWrote', queue.at, bytes.length)
    queue.bytes = Buffer.concat([queue.bytes, bytes])
  },
  queueAppendBlock(model, real, { a, b, n }) {
    const one = pick(model.skbs, a)
    if (!one) return
    const [queue] = two(model, b)
    const piece = pick(real.pieces(one.skb), n)!
    const bytes = Buffer.from(real.bytesOf(piece))
    const data = real.core.call('skbData', piece)
    real.core.call('queueAppendBlock', queue.at, real.blockOf(piece), data, bytes.length)
    if (!lost(real)) queue.bytes = Buffer.concat([queue.bytes, bytes])
  },
  queueConsume(model, real, { b, n }) {
    const [queue] = two(model, b)
    const bytes = some(n, queue.bytes.length)
    real.core.call('queueConsume', queue.at, bytes)
    queue.bytes = queue.bytes.subarray(bytes)
  },
  queueClear(model, real, { b, n }) {
    if (n % 3 !== 0) return
    const [queue] = two(model, b)
    real.core.call('queueClear', queue.at)
    queue.bytes = Buffer.alloc(0)
  },
  handOver(model, real, { a }) {
    // to another loop and back, as far as one instance can do that alone
    const one = mine(model, a)
    if (!one || real.core.call('skbIsShared', one.skb) !== 0) return
    real.core.call('skbHandOver', one.skb)
    real.core.call('skbTakeOver', one.skb)
  },
}

/** What takes memory away and gives it back. */
export const shortages: Readonly<Record<string, Operation>> = {
  starve(_model, real, { n }) {
    if (!real.starved) real.starve(n % 4)
  },
  relieve(_model, real) {
    real.relieve()
  },
}
