// The debug build traps where freed memory is touched: freed twice, read, or written before it is handed out again; and
// it says where. The build that is shipped has nothing of it.
import { describe, expect, test } from 'vitest'
import { coreModule } from '../core-build.ts'
import { TestCore } from '../core-test.ts'

// compiled before the clock of a test runs
for (const build of ['test', 'debug'] as const) coreModule(build)

const POISON = 0xdb
const BROKEN_POOL = 255
const core = (): TestCore => new TestCore({ heapBytes: 4 << 20, slabBytes: 2 << 20, build: 'debug' })

function traps(misuse: () => unknown): void {
  expect(misuse).toThrow(WebAssembly.RuntimeError)
}

/** Where the trap was, as the core has left word. */
function found(memory: TestCore): { at: number; cls: number } {
  return { at: memory.global('brokenAt'), cls: memory.global('brokenClass') }
}

describe.each([0, 3, 9])('an object of class %i', (cls) => {
  const bytes = 64 << cls

  test('is poison from its second word on once it is freed', () => {
    const memory = core()
    const at = memory.call('slabAlloc', cls)
    memory.bytes.fill(7, at, at + bytes)
    memory.call('slabFree', at)
    expect(memory.bytes.subarray(at + 4, at + bytes - 4).every((byte) => byte === POISON)).toBe(true)
  })

  test.each([4, 8, bytes - 5, bytes - 4, bytes - 1])(`is not written at ${'%i'} after its end`, (offset) => {
    const memory = core()
    const at = memory.call('slabAlloc', cls)
    memory.call('slabFree', at)
    memory.bytes[at + offset]! ^= 1
    traps(() => memory.call('slabAlloc', cls))
    expect(found(memory)).toEqual({ at, cls })
  })

  test('is not freed twice, not even when others were freed since', () => {
    const memory = core()
    const [at, other] = [memory.call('slabAlloc', cls), memory.call('slabAlloc', cls)]
    memory.bytes.fill(POISON, at, at + bytes) // what an owner writes is its own business
    memory.call('slabFree', at)
    memory.call('slabFree', other)
    traps(() => memory.call('slabFree', at))
    expect(found(memory)).toEqual({ at, cls })
  })

  test('is as good as new when it comes back', () => {
    const memory = core()
    for (let i = 0; i < 100; i++) {
      const at = memory.call('slabAlloc', cls)
      memory.bytes.fill(i, at, at + bytes)
      memory.call('slabFree', at)
    }
    memory.check()
  })
})

describe('a freed skb', () => {
  const uses: [string, (memory: TestCore, skb: number) => unknown][] = [
    ...['skbData', 'skbTail', 'skbLength', 'skbTotal', 'skbHeadroom', 'skbTailroom'].map(
      (name): [string, (memory: TestCore, skb: number) => unknown] => [name, (memory, skb) => memory.call(name, skb)],
    ),
    ['skbFree', (memory, skb) => memory.call('skbFree', skb)],
    ['skbGet', (memory, skb) => memory.call('skbGet', skb)],
    ['skbClone', (memory, skb) => memory.call('skbClone', skb)],
    ['skbPull', (memory, skb) => memory.call('skbPull', skb, 0)],
    ['skbPut', (memory, skb) => memory.call('skbPut', skb, 0)],
  ]
  test.each(uses)('traps at %s', (_name, use) => {
    const memory = core()
    const skb = memory.call('skbAlloc', 100)
    memory.call('skbPut', skb, 10)
    memory.call('skbFree', skb)
    traps(() => use(memory, skb))
    expect(found(memory)).toEqual({ at: skb, cls: 0 })
  })

  test('traps as a fragment of a living one', () => {
    const memory = core()
    const [skb, fragment] = [memory.call('skbAlloc', 100), memory.call('skbAlloc', 100)]
    memory.call('skbPut', fragment, 10)
    memory.call('skbAddFragment', skb, fragment)
    memory.call('skbFree', fragment) // it is not ours any more
    traps(() => memory.call('skbTotal', skb))
    expect(found(memory).at).toBe(fragment)
  })
})

describe.each([100, 100_000])('a freed block of %i bytes', (bytes) => {
  test.each(['blockGet', 'blockPut', 'blockRefs'])('traps at %s', (name) => {
    const memory = core()
    const block = memory.call('blockAlloc', bytes)
    memory.call('blockAlloc', bytes) // a neighbour
    memory.call('blockPut', block)
    traps(() => memory.call(name, block))
    expect(found(memory).at).toBe(block)
  })

  test('traps at the next allocation where it was written', () => {
    const memory = core()
    const block = memory.call('blockAlloc', bytes)
    memory.call('blockAlloc', bytes)
    memory.call('blockPut', block)
    memory.bytes[memory.call('blockData', block) + 50] = 1
    // a little less, since a pool looks where anything fits
    traps(() => {
      while (memory.call('blockAlloc', Math.floor(bytes * 0.9)) !== 0) {}
    })
    expect(found(memory)).toEqual({ at: block, cls: bytes > 32_768 ? BROKEN_POOL : 1 })
  })
})

test('what is shipped has no poison', () => {
  const memory = new TestCore({ heapBytes: 4 << 20, slabBytes: 2 << 20, build: 'test' })
  const at = memory.call('slabAlloc', 3)
  memory.bytes.fill(7, at, at + 512)
  memory.call('slabFree', at)
  expect(memory.bytes.subarray(at + 4, at + 512).every((byte) => byte === 7)).toBe(true)
  memory.bytes[at + 8] = 1
  expect(memory.call('slabAlloc', 3)).toBe(at)
})
