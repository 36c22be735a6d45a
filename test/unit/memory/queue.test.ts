// Queues against a byte array: what is appended by copy, by reference or by moving comes out in order, every block is
// let go of, and a write that finds no memory is reported once and leaves nothing half.
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { must } from './support.ts'

/** A queue and the bytes that should be in it. */
class Model {
  readonly core: TestCore
  readonly at: number
  bytes = Buffer.alloc(0)

  constructor(core: TestCore) {
    this.core = core
    this.at = core.call('alloc', core.global('QUEUE_RECORD_BYTES'))
    core.call('queueInit', this.at)
  }

  append(bytes: Buffer): void {
    this.core.call('queueAppend', this.at, this.core.put(bytes), bytes.length)
    this.bytes = Buffer.concat([this.bytes, bytes])
  }

  /** Asks for more room than it then uses, as a writer of numbers does. */
  write(bytes: Buffer, spare: number): void {
    const to = this.core.call('queueRoom', this.at, bytes.length + spare)
    this.core.bytes.set(bytes, to)
    this.core.call('queueWrote', this.at, bytes.length)
    this.bytes = Buffer.concat([this.bytes, bytes])
  }

  appendBlock({ block, data }: Shared, from: number, to: number): void {
    this.core.call('queueAppendBlock', this.at, block, data + from, to - from)
    const start = Buffer.from(this.core.bytes.slice(data + from, data + to))
    this.bytes = Buffer.concat([this.bytes, start])
  }

  move(from: Model): void {
    this.core.call('queueMove', this.at, from.at)
    this.bytes = Buffer.concat([this.bytes, from.bytes])
    from.bytes = Buffer.alloc(0)
  }

  consume(bytes: number): void {
    this.core.call('queueConsume', this.at, bytes)
    this.bytes = this.bytes.subarray(bytes)
  }

  clear(): void {
    this.core.call('queueClear', this.at)
    this.bytes = Buffer.alloc(0)
  }

  /** The skbs of the queue, walked from its head. */
  skbs(): number[] {
    const view = new DataView(this.core.exports.memory.buffer)
    const all: number[] = []
    for (let skb = view.getUint32(this.at, true); skb !== 0; skb = view.getUint32(skb, true)) all.push(skb)
    must((all.at(-1) ?? 0) === view.getUint32(this.at + 4, true), 'the tail is the last')
    return all
  }

  check(): void {
    const { core } = this
    const parts = this.skbs().map((skb) => {
      const data = core.call('skbData', skb)
      return core.bytes.subarray(data, data + core.call('skbLength', skb))
    })
    const there = Buffer.concat(parts)
    must(core.call('queueBytes', this.at) === this.bytes.length, `${this.bytes.length} bytes are counted`)
    must(there.equals(this.bytes), `the ${this.bytes.length} bytes are those that were appended`)
  }
}

/** A data block of the test's own, which queues share. */
interface Shared {
  readonly block: number
  readonly data: number
  readonly bytes: number
}

function share(core: TestCore, bytes: Buffer): Shared {
  const block = core.call('blockAlloc', bytes.length)
  const data = core.call('blockData', block)
  core.bytes.set(bytes, data)
  return { block, data, bytes: bytes.length }
}

const core = (slabBytes = 32 << 20): TestCore => new TestCore({ heapBytes: 16 << 20, slabBytes })

test(`every operation in random order, on two queues (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 4; round++) {
    const random = new Random(SEED + round)
    const memory = core()
    const queues = [new Model(memory), new Model(memory)]
    const blocks = [100, 5000, 40_000].map((bytes) => share(memory, random.bytes(bytes)))
    for (let step = 0; step < 1500; step++) {
      const queue = random.pick(queues)
      const length = random.pick([random.below(40), random.below(600), random.below(17_000), 496, 497, 16_368, 16_369])
      switch (random.below(9)) {
        case 0:
        case 1:
          queue.append(random.bytes(length))
          break
        case 2:
          queue.write(random.bytes(random.below(30)), random.below(30))
          break
        case 3: {
          const shared = random.pick(blocks)
          const from = random.below(shared.bytes + 1)
          queue.appendBlock(shared, from, random.between(from, shared.bytes))
          break
        }
        case 4:
          queue.move(queues[queue === queues[0] ? 1 : 0]!)
          break
        case 5:
        case 6:
          queue.consume(random.below(queue.bytes.length + 1))
          break
        case 7:
          queue.consume(queue.bytes.length > 100_000 ? queue.bytes.length : 0)
          break
        default:
          if (random.chance(0.1)) queue.clear()
      }
      for (const each of queues) each.check()
      must(memory.call('skbLive') === queues[0]!.skbs().length + queues[1]!.skbs().length, 'every skb is in a queue')
    }
    must(memory.call('queueLost') === 0, 'nothing was lost')
    const [first, second] = queues as [Model, Model]
    first.consume(first.bytes.length)
    second.clear()
    for (const { block } of blocks) {
      // an skb without bytes may stay behind the last consumed one, and go with the queue
      first.clear()
      expect(memory.call('blockRefs', block)).toBe(1)
      memory.call('blockPut', block)
    }
    memory.check()
  }
})

describe('a shared block', () => {
  test('lives until the last of its skbs is sent, and is not written behind', () => {
    const memory = core()
    const [first, second] = [new Model(memory), new Model(memory)]
    const shared = share(memory, Buffer.from('0123456789'))
    first.appendBlock(shared, 0, 4)
    first.append(Buffer.from('own'))
    second.appendBlock(shared, 4, 10)
    expect(memory.call('blockRefs', shared.block)).toBe(3)
    second.append(Buffer.from('more'))
    first.check()
    second.check()
    expect(Buffer.from(memory.bytes.slice(shared.data, shared.data + 10)).toString()).toBe('0123456789')
    memory.call('blockPut', shared.block)
    first.consume(4)
    expect(memory.call('blockRefs', shared.block)).toBe(1)
    second.consume(5)
    second.check()
    second.consume(1)
    first.consume(3)
    second.clear()
    first.clear()
    memory.check()
  })

  test('a reference alone in a queue is not the place for what follows', () => {
    const memory = core()
    const queue = new Model(memory)
    const shared = share(memory, Buffer.from('value'))
    queue.appendBlock(shared, 0, 3)
    queue.append(Buffer.from('\r\n'))
    queue.check()
    expect(Buffer.from(memory.bytes.slice(shared.data, shared.data + 5)).toString()).toBe('value')
    queue.clear()
    memory.call('blockPut', shared.block)
    memory.check()
  })
})

test('a few bytes are moved by copying, many by handing over', () => {
  const memory = core()
  const [to, from] = [new Model(memory), new Model(memory)]
  to.append(Buffer.from('first'))
  from.append(Buffer.from('second'))
  to.move(from)
  expect([to.skbs().length, from.skbs().length, memory.call('skbLive')]).toEqual([1, 0, 1])
  from.append(Buffer.alloc(10_000, 'x'))
  const [skb] = from.skbs()
  to.move(from)
  to.check()
  from.check()
  expect(to.skbs()).toContain(skb)
  to.clear()
  memory.check()
})

describe('without memory', () => {
  test('a write is refused whole, nothing follows it, and that is told once', () => {
    const memory = core(1 << 20)
    const [queue, other] = [new Model(memory), new Model(memory)]
    while (memory.call('skbAlloc', 1) !== 0) {} // headers and small blocks are used up
    expect(memory.call('queueLost')).toBe(0)
    queue.core.call('queueAppend', queue.at, memory.put(Buffer.from('lost')), 4)
    queue.check()
    expect(memory.call('queueRoom', other.at, 1)).toBe(0)
    expect(memory.call('queueLost')).toBe(1)
    expect(memory.call('queueLost')).toBe(0)
    queue.check()
  })

  test('what has room in the last skb is refused too, until the loss is known', () => {
    const memory = core(1 << 20)
    const queue = new Model(memory)
    queue.append(Buffer.from('before '))
    const shared = share(memory, Buffer.from('shared'))
    const heads: number[] = []
    for (let skb = memory.call('skbAlloc', 1); skb !== 0; skb = memory.call('skbAlloc', 1)) heads.push(skb)
    memory.call('queueAppendBlock', queue.at, shared.block, shared.data, 6)
    expect(memory.call('blockRefs', shared.block), 'its reference went back').toBe(1)
    for (const skb of heads) memory.call('skbFree', skb) // too late for what is already missing
    expect(memory.call('queueRoom', queue.at, 4)).toBe(0)
    memory.call('queueAppendBlock', queue.at, shared.block, shared.data, 6)
    queue.check()
    expect(memory.call('queueLost')).toBe(1)
    queue.append(Buffer.from('after'))
    queue.appendBlock(shared, 0, 6)
    queue.check()
    expect(memory.call('queueLost')).toBe(0)
    queue.clear()
    memory.call('blockPut', shared.block)
    memory.check()
  })
})

test('more than there is cannot be consumed', () => {
  const queue = new Model(core())
  queue.append(Buffer.from('four'))
  expect(() => queue.consume(5)).toThrow(WebAssembly.RuntimeError)
})
