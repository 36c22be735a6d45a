// One of several loops over one memory, for remote.test.ts: an instance of the core with an arena of its own, which
// makes objects for other loops and frees what others have made for it. Rings of pointers carry them across.
import { parentPort, workerData } from 'node:worker_threads'

const { module, memory, index, loops, to, from, start, arenaBytes, rings, ringSlots, rounds, batch, kind, seed } =
  workerData
const core = new WebAssembly.Instance(module, { env: { memory } }).exports
const words = new Int32Array(memory.buffer)
const bytes = new Uint8Array(memory.buffer)
const slabBytes = arenaBytes / 2
if (!core.testCreateAt(start, arenaBytes / 2 - (1 << 20), slabBytes, 1n)) throw new Error('no arena')
const clean = core.slabUsed()
const heap = core.heapUsed()

let state = seed
function below(n) {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return (state >>> 8) % n
}

/** A ring of words from one loop to another: written count, read count, slots. */
function ring(from, to) {
  return (rings >> 2) + (from * loops + to) * (2 + ringSlots)
}

function push(at, word) {
  const written = Atomics.load(words, at)
  if (written - Atomics.load(words, at + 1) >= ringSlots) return false
  words[at + 2 + (written % ringSlots)] = word
  Atomics.store(words, at, written + 1)
  return true
}

function shift(at) {
  const read = Atomics.load(words, at + 1)
  if (read === Atomics.load(words, at)) return 0
  const word = words[at + 2 + (read % ringSlots)]
  Atomics.store(words, at + 1, read + 1)
  return word
}

/** Fills with what depends on the sequence number alone; the other side can tell what it should find. */
function mark(at, length, number) {
  words[at >> 2] = number
  words[(at >> 2) + 1] = length
  if (length > 8) bytes.fill(number & 0xff, at + 8, at + length)
}

function verify(at, number) {
  if (words[at >> 2] !== number) throw new Error(`expected object ${number}, found ${words[at >> 2]}`)
  const length = words[(at >> 2) + 1]
  const byte = number & 0xff
  if (
    length > 8 &&
    (bytes[at + 8] !== byte || bytes[at + length - 1] !== byte || bytes[at + (length >> 1) + 4] !== byte)
  ) {
    throw new Error(`object ${number} is torn`)
  }
}

const SIZES = [16, 64, 100, 240, 1000]
const LARGE = 40_000 // from the heap, not from a slab

const kinds = {
  slab: {
    make(number) {
      const cls = below(4)
      const at = core.slabAlloc(cls) >>> 0
      if (at) mark(at, 64 << cls, number)
      return at
    },
    take(at, number) {
      verify(at, number)
      core.slabFree(at)
    },
  },
  block: {
    make(number) {
      const length = number % 64 === 0 ? LARGE : SIZES[below(SIZES.length)]
      const block = core.blockAlloc(length) >>> 0
      if (block) mark(core.blockData(block), length, number)
      return block
    },
    take(block, number) {
      verify(core.blockData(block), number)
      if (core.blockRefs(block) !== 1) throw new Error(`block ${number} has ${core.blockRefs(block)} references`)
      core.blockGet(block) // it is wholly this loop's: its references are counted here as anywhere
      core.blockPut(block)
      core.blockPut(block)
    },
  },
  skb: {
    make(number) {
      const skb = one(number)
      if (skb && number % 3 === 0) {
        const fragment = one(number)
        if (!fragment) {
          core.skbFree(skb)
          return 0
        }
        core.skbAddFragment(skb, fragment)
      }
      if (skb) core.skbHandOver(skb)
      return skb
    },
    take(skb, number) {
      core.skbTakeOver(skb)
      verify(core.skbData(skb), number)
      const fragment = core.skbFragments(skb)
      if ((fragment !== 0) !== (number % 3 === 0)) throw new Error(`skb ${number} has the wrong fragments`)
      if (fragment) verify(core.skbData(fragment), number)
      if (number % 5 === 0) core.skbFree(core.skbClone(skb))
      core.skbFree(skb)
    },
  },
}

function one(number) {
  const length = number % 256 === 0 ? LARGE : SIZES[below(SIZES.length)]
  const skb = core.skbAlloc(length) >>> 0
  if (skb) mark(core.skbPut(skb, length), length, number)
  return skb
}

const { make, take } = kinds[kind]
let refused = 0
const outward = to.map((other) => ({ at: ring(index, other), made: 0, waiting: 0 }))
const inward = from.map((other) => ({ at: ring(other, index), taken: 0 }))

/** Makes for another loop until its ring, the batch or memory is full; whether anything went. */
function serve(side) {
  const before = side.made
  for (let i = 0; i < batch && side.made < rounds; i++) {
    side.waiting ||= make(side.made)
    if (!side.waiting) {
      refused++
      break
    }
    if (!push(side.at, side.waiting)) break
    side.waiting = 0
    side.made++
  }
  return side.made !== before
}

function receive(side) {
  const before = side.taken
  for (let i = 0; i < batch; i++) {
    const at = shift(side.at) >>> 0
    if (!at) break
    take(at, side.taken++)
  }
  return side.taken !== before
}

while (outward.some(({ made }) => made < rounds) || inward.some(({ taken }) => taken < rounds)) {
  let moved = false
  for (const side of outward) moved = serve(side) || moved
  for (const side of inward) moved = receive(side) || moved
  core.memoryTick()
  if (!moved) Atomics.wait(words, rings >> 2, 0, 0.05) // yields: nobody writes there
}
parentPort.postMessage({ done: index })
parentPort.once('message', () => {
  // all loops are done, so that what they have freed is on its way home
  while (core.remoteDrain(100_000)) {}
  core.heapCheck()
  parentPort.postMessage({
    refused,
    live: core.skbLive(),
    slab: core.slabUsed() - clean,
    heap: core.heapUsed() - heap,
  })
})
