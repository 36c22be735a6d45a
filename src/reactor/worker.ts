// What runs in a thread of a server: its loop, its handler, and the orders of the thread that started it.
import { parentPort, workerData } from 'node:worker_threads'
import * as abi from '../../assembly/abi.ts'
import { raw } from '../core/codec/raw.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { threadLoop } from '../loop/loop.ts'
import { SharedQueue } from '../loop/shared-queue.ts'
import { Board } from './board.ts'
import { memoryOf } from './gate.ts'
import { HandleThread } from './handle-thread.ts'
import { codecRecord, importHandler } from './handler-module.ts'
import { HandlerBridge, type ListenDifferences, openListener } from './listen.ts'
import type { Listener } from './listener.ts'
import type { BoundAddress } from './listening.ts'
import type { ThreadMessage, ThreadOrder, ThreadRole, ThreadStart } from './thread.ts'

type AdoptRole = Extract<ThreadRole, { name: 'adopt' }>

const start = workerData as ThreadStart
const port = parentPort as NonNullable<typeof parentPort>
const { role, thread, threads } = start
const { handler, codec } = await importHandler(start.handler, { thread, threads }, start.codec)
if (role.name === 'handle') {
  const handling = new HandleThread(role.loop, handler, codec ?? raw())
  port.on('message', () => {
    handling.close()
    say({ closed: true })
  })
  say({ ready: { codec: codec && codecRecord(codec) } })
} else {
  await serve(role)
}

/** A loop of the thread's own, with an endpoint. */
async function serve(as: Exclude<ThreadRole, { name: 'handle' }>): Promise<void> {
  const loop = threadLoop(start.options.kernel)
  const differences = as.name === 'adopt' ? adopting(as) : { reusePort: true }
  const options = { ...start.options, handler, ...(codec && { codec }) }
  const { listener, watch } = await openListener(loop, options, differences)
  const stopAdopting = as.name === 'adopt' ? adoptAll(as, loop, listener) : undefined
  port.on('message', async ({ close }: ThreadOrder) => {
    stopAdopting?.()
    await listener.close(close)
    watch?.report()
    say({ closed: true })
  })
  say({
    ready: {
      address: listener.address as BoundAddress, // threads share no path
      kernel: loop.kernel.name,
      maxChannels: listener.limit.limit,
      memory: memoryOf(loop),
      control: loop.control,
      endpoint: listener.endpoint,
      table: loop.core.channelAt(0) >>> 0,
      slots: loop.slots,
    },
  })
}

function say(message: ThreadMessage): void {
  port.postMessage(message)
}

/** A boss is told of every channel that closes. */
function adopting({ address, board }: AdoptRole): ListenDifferences<unknown> {
  const told = new Board(board)
  return {
    adopting: address,
    bridge: (on: Loop, deliverer): EndpointHandler => {
      const inner = new HandlerBridge(on, deliverer)
      return {
        upcall(kind, slot, generation, at, length, extra) {
          if (kind === abi.UP_CLOSE) told.closed(1)
          inner.upcall(kind, slot, generation, at, length, extra)
        },
      }
    },
  }
}

/** Adopts what the boss hands over; → a function that adopts what is there and no more. */
function adoptAll({ connections, board }: AdoptRole, loop: Loop, { endpoint }: Listener<unknown>): () => void {
  const queue = new SharedQueue(connections)
  const record = new Int32Array(1)
  const adopt = (): boolean => {
    while (queue.take(record)) {
      const fd = record[0] as number
      if (loop.core.endpointAdopt(endpoint, fd) >= 0) continue
      loop.call(abi.CALL_CLOSE, fd)
      new Board(board).closed(1)
    }
    loop.touch()
    return false
  }
  queue.attend(adopt)
  return () => {
    queue.leave()
    adopt()
  }
}
