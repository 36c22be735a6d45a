// A thread that pushes numbered records into a shared queue, and waits where it is full.
import { workerData } from 'node:worker_threads'
import { SharedQueue } from '../../../dist/src/loop/shared-queue.js'

const { handle, producer, count, gap } = workerData
const queue = new SharedQueue(handle)
const never = new Int32Array(new SharedArrayBuffer(4))
for (let i = 0; i < count; i++) {
  // a record whose last word follows from the others: one that is torn shows
  while (!queue.push([producer, i, producer * 31 + i * 7])) Atomics.wait(never, 0, 0, 1)
  if (gap > 0 && i % gap === 0) Atomics.wait(never, 0, 0, 2) // the consumer falls asleep in between
}
