// A keyspace behind a listener: what `millrace kv` runs.
import * as abi from '../../assembly/abi.ts'
import type { TcpAddress } from '../channel/address.ts'
import { systemError } from '../kernel/errors.ts'
import { Loop, type LoopOptions } from '../loop/loop.ts'
import { Listener } from '../reactor/listener.ts'
import { answerCommand } from './command.ts'
import { Keyspace } from './keyspace.ts'
import type { AdminPolicy } from './kv-admin.ts'
import { kvCommander } from './kv-context.ts'

export interface KvOptions {
  readonly listen: TcpAddress
  /** Bytes of all keys and values together, with what it takes to find them. */
  readonly maxmemory: number
  readonly policy: AdminPolicy
  readonly password?: string | undefined
  readonly maxClients: number
  /** Which kernel serves it, by name; by default the best. */
  readonly kernel?: string | undefined
  /** How the loop differs from `kvLoop`'s choice. */
  readonly loop?: LoopOptions
}

/** The most a keyspace can have: a linear memory is 4 GiB, and the loop needs some of it. */
export const MAXMEMORY_MAX = 2.75 * 1024 ** 3
export const MAXMEMORY_MIN = 1024 ** 2

/** Watermarks of a client's queue: commands wait while more than the high one is owed. */
export const CLIENT_HIGH = 256 * 1024
export const CLIENT_LOW = 64 * 1024

const DATABASES = 16
/** Room beside the keyspace: large commands on their way in and out. */
const HEAP_BYTES = 512 * 1024 * 1024

export class KvServer {
  readonly listener: Listener
  readonly keyspace: Keyspace

  private constructor(listener: Listener, keyspace: Keyspace) {
    this.listener = listener
    this.keyspace = keyspace
  }

  static async start(options: KvOptions): Promise<KvServer> {
    const { listen, maxmemory, policy, password = '', maxClients, kernel } = options
    const loop = kvLoop(maxmemory, maxClients, { ...(kernel === undefined ? {} : { kernel }), ...options.loop })
    const keyspace = Keyspace.create(loop, maxmemory, policy, DATABASES)
    if (password !== '') keyspace.setPassword(password)
    const listener: Listener = await Listener.open(
      loop,
      listen,
      {
        service: abi.SERVICE_KV,
        target: keyspace.kv,
        high: CLIENT_HIGH,
        low: CLIENT_LOW,
        limit: maxClients,
        handler: {
          upcall(kind, slot, generation, at, _length, extra) {
            if (kind === abi.UP_COMMAND) answerCommand(loop, commander, slot, generation, at, extra)
          },
        },
      },
      (endpoint) => loop.view.setUint32(endpoint + abi.ENDPOINT_PASSWORD, password === '' ? 0 : 1, true),
    )
    const commander = kvCommander(loop, listener, [keyspace], { maxClients: listener.limit.limit, password })
    return new KvServer(listener, keyspace)
  }

  close(drainMs: number): Promise<void> {
    return this.listener.close(drainMs)
  }
}

/** A loop with room for keyspaces of `maxmemory` bytes together. */
export function kvLoop(maxmemory: number, maxClients: number, options: LoopOptions = {}): Loop {
  const loop = new Loop({
    channels: maxClients + 2048,
    heapBytes: maxmemory + HEAP_BYTES,
    slabBytes: SLAB_BYTES,
    ...options,
  })
  if (!loop.core.kvSetup(loop.schedule.randomU64())) throw systemError(-abi.ENOMEM, 'setup')
  return loop
}

const SLAB_BYTES = 384 * 1024 * 1024
