// skbs against naive buffers: headers over blocks that are shared, moved and grown, and every trap of the invariants.
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { must } from './support.ts'

interface Block {
  at: number // of its first data byte
  bytes: Uint8Array
  refs: number
}

/** An skb as it should be: a range of a block. */
interface Twin {
  readonly skb: number
  block: Block
  data: number
  tail: number
}

const SKB_BLOCK = 4

class Model {
  readonly core: TestCore
  readonly memory: Uint8Array
  readonly random: Random
  readonly twins: Twin[] = []

  constructor(random: Random, slabBytes = 16 << 20) {
    this.core = new TestCore({ heapBytes: 8 << 20, slabBytes })
    this.memory = this.core.bytes
    this.random = random
  }

  blockOf(skb: number): number {
    return new DataView(this.core.exports.memory.buffer).getUint32(skb + SKB_BLOCK, true)
  }

  /** The twin's view of the block that the skb has now. */
  fresh(skb: number, bytes: number): Block {
    const block = this.blockOf(skb)
    const at = this.core.call('blockData', block)
    const capacity = this.core.call('blockBytes', block)
    expect(capacity).toBeGreaterThanOrEqual(bytes)
    return { at, bytes: this.memory.slice(at, at + capacity), refs: 1 }
  }

  alloc(bytes: number): Twin | undefined {
    const skb = this.core.call('skbAlloc', bytes)
    if (skb === 0) return undefined
    const twin: Twin = { skb, block: this.fresh(skb, bytes), data: 0, tail: 0 }
    this.twins.push(twin)
    return twin
  }

  write(twin: Twin, from: number, to: number): void {
    const bytes = this.random.bytes(to - from)
    twin.block.bytes.set(bytes, from)
    this.memory.set(bytes, twin.block.at + from)
  }

  free(twin: Twin): void {
    this.core.call('skbFree', twin.skb)
    twin.block.refs--
    this.twins.splice(this.twins.indexOf(twin), 1)
  }

  check(twin: Twin): void {
    const { core } = this
    const { skb, block, data, tail } = twin
    const figures = ['skbData', 'skbTail', 'skbLength', 'skbHeadroom', 'skbTailroom'].map((name) =>
      core.call(name, skb),
    )
    const room = block.refs > 1 ? 0 : block.bytes.length - tail
    const wanted = [block.at + data, block.at + tail, tail - data, block.refs > 1 ? 0 : data, room]
    must(String(figures) === String(wanted), `${figures} are ${wanted}`)
    must(core.call('blockRefs', this.blockOf(skb)) === block.refs, `the block has ${block.refs} references`)
    const there = Buffer.from(this.memory.buffer, block.at + data, tail - data)
    must(there.equals(block.bytes.subarray(data, tail)), 'the bytes are kept')
  }

  step(): void {
    const { core, random, twins } = this
    if (twins.length === 0 || (twins.length < 60 && random.chance(0.2))) {
      this.alloc(random.pick([0, 1, 47, 48, 49, 112, 113, 1000, 32_752, 32_753, 70_000, random.below(5000)]))
      return
    }
    const twin = random.pick(twins)
    const { skb, block } = twin
    const length = twin.tail - twin.data
    const room = block.refs > 1 ? 0 : block.bytes.length - twin.tail
    switch (random.below(9)) {
      case 0:
        if (length === 0) {
          const bytes = random.below(Math.min(block.bytes.length - twin.tail, 200) + 1)
          core.call('skbReserve', skb, bytes)
          twin.data += bytes
          twin.tail += bytes
        }
        break
      case 1:
      case 2: {
        const bytes = random.below(Math.min(room, 3000) + 1)
        expect(core.call('skbPut', skb, bytes)).toBe(block.at + twin.tail)
        this.write(twin, twin.tail, twin.tail + bytes)
        twin.tail += bytes
        break
      }
      case 3: {
        const bytes = block.refs > 1 ? 0 : random.below(Math.min(twin.data, 100) + 1)
        expect(core.call('skbPush', skb, bytes)).toBe(block.at + twin.data - bytes)
        this.write(twin, twin.data - bytes, twin.data)
        twin.data -= bytes
        break
      }
      case 4: {
        const bytes = random.below(length + 1)
        core.call('skbPull', skb, bytes)
        twin.data += bytes
        break
      }
      case 5: {
        const bytes = random.below(length + 1)
        core.call('skbTrim', skb, bytes)
        twin.tail = twin.data + bytes
        break
      }
      case 6: {
        const clone = core.call('skbClone', skb)
        expect(clone).not.toBe(0)
        block.refs++
        twins.push({ skb: clone, block, data: twin.data, tail: twin.tail })
        break
      }
      case 7: {
        const bytes = length + random.below(random.pick([2, 1000, 60_000]))
        expect(core.call('skbGrow', skb, bytes)).toBe(1)
        const kept = block.bytes.slice(twin.data, twin.tail)
        block.refs--
        twin.block = this.fresh(skb, bytes)
        twin.block.bytes.set(kept)
        twin.data = 0
        twin.tail = length
        break
      }
      default:
        this.free(twin)
    }
  }
}

test(`every operation in random order (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 4; round++) {
    const model = new Model(new Random(SEED + round))
    const { core } = model
    const heap = core.call('heapUsed')
    for (let step = 0; step < 3000; step++) {
      model.step()
      must(core.call('skbLive') === model.twins.length, `${model.twins.length} are alive`)
      if (step % 8 === 0) for (const twin of model.twins) model.check(twin)
    }
    for (const twin of [...model.twins]) {
      model.check(twin)
      model.free(twin)
    }
    core.check()
    expect(core.call('heapUsed')).toBe(heap)
  }
})

test('without memory alloc, clone and grow fail, and change nothing', () => {
  const random = new Random(1)
  const model = new Model(random, 1 << 20)
  const { core } = model
  const twin = model.alloc(100)!
  expect(core.call('skbPut', twin.skb, 80)).toBe(twin.block.at)
  model.write(twin, 0, 80)
  twin.tail = 80
  const objects: number[] = [] // headers and small blocks are of this class: it is used up
  for (let at = core.call('slabAlloc', 0); at !== 0; at = core.call('slabAlloc', 0)) objects.push(at)
  const live = core.call('skbLive')
  const used = core.call('slabUsed')
  expect(core.call('skbAlloc', 1)).toBe(0)
  expect(core.call('skbAlloc', 100_000), 'its block came from the heap and went back').toBe(0)
  expect(core.call('skbClone', twin.skb)).toBe(0)
  expect(core.call('skbGrow', twin.skb, 20_000)).toBe(0)
  expect([core.call('skbLive'), core.call('slabUsed')]).toEqual([live, used])
  model.check(twin)
  const heap = core.call('heapUsed')
  expect(core.call('skbGrow', twin.skb, 100_000), 'the heap has room').toBe(1)
  expect(core.call('heapUsed')).toBeGreaterThan(heap + 100_000)
  core.call('skbFree', twin.skb)
  expect(core.call('heapUsed'), 'and has it back').toBe(heap)
  for (const at of objects) core.call('slabFree', at)
  core.check()
})

describe('misuse traps:', () => {
  const misuses: [string, (core: TestCore, skb: number) => void][] = [
    ['put beyond the tailroom', (core, skb) => core.call('skbPut', skb, core.call('skbTailroom', skb) + 1)],
    ['push beyond the headroom', (core, skb) => core.call('skbPush', skb, 9)],
    ['pull beyond the length', (core, skb) => core.call('skbPull', skb, 21)],
    ['trim to more than the length', (core, skb) => core.call('skbTrim', skb, 21)],
    ['reserve in front of bytes', (core, skb) => core.call('skbReserve', skb, 1)],
    ['grow to less than the length', (core, skb) => core.call('skbGrow', skb, 0)],
    ['put into a shared block', (core, skb) => [core.call('skbClone', skb), core.call('skbPut', skb, 1)]],
    ['push before a shared block', (core, skb) => [core.call('skbClone', skb), core.call('skbPush', skb, 1)]],
    ['change what others hold', (core, skb) => [core.call('skbGet', skb), core.call('skbPull', skb, 1)]],
    ['hand over what is shared', (core, skb) => [core.call('skbClone', skb), core.call('skbHandOver', skb)]],
    ['hand over what others hold', (core, skb) => [core.call('skbGet', skb), core.call('skbHandOver', skb)]],
    ['split behind the end', (core, skb) => core.call('skbSplit', skb, 21)],
    ['be a fragment of itself', (core, skb) => core.call('skbAddFragment', skb, skb)],
    ['a reference given back too often', (core, skb) => [core.call('skbFree', skb), core.call('skbFree', skb)]],
  ]
  test.each(misuses)('%s', (name, misuse) => {
    const core = new TestCore({ heapBytes: 1 << 20, slabBytes: 1 << 20 })
    const skb = core.call('skbAlloc', 100)
    core.call('skbReserve', skb, 8)
    core.call('skbPut', skb, name.startsWith('grow') ? 90 : 20)
    expect(() => misuse(core, skb)).toThrow(WebAssembly.RuntimeError)
  })
})
