// A thread that holds a lock again and again: readers check a pair of numbers that writers change one after the other.
import { workerData } from 'node:worker_threads'
import { RwLock } from '../../../dist/src/loop/rw-lock.js'

const { lock: memory, shared, kind, rounds, holdMs } = workerData
const lock = RwLock.open(memory)
const words = new Int32Array(shared)
const STOP = 0
const FAULTS = 1
const PAIR = 2
const INSIDE = 4
const DONE = 5
const never = new Int32Array(new SharedArrayBuffer(4))
const hold = () => holdMs > 0 && Atomics.wait(never, 0, 0, holdMs)

for (let i = 0; rounds === undefined ? Atomics.load(words, STOP) === 0 : i < rounds; i++) {
  if (kind === 'write') {
    lock.withWriteSync(() => {
      if (Atomics.add(words, INSIDE, 1000) !== 0) Atomics.add(words, FAULTS, 1)
      words[PAIR]++
      hold()
      words[PAIR + 1]++
      Atomics.sub(words, INSIDE, 1000)
    })
  } else {
    lock.withReadSync(() => {
      if (Atomics.add(words, INSIDE, 1) >= 1000) Atomics.add(words, FAULTS, 1)
      if (words[PAIR] !== words[PAIR + 1]) Atomics.add(words, FAULTS, 1)
      hold()
      Atomics.sub(words, INSIDE, 1)
    })
  }
}
Atomics.add(words, DONE, 1)
Atomics.notify(words, DONE)
