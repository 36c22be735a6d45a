// What the rare commands need to know of a loop, a listener and its keyspaces: AdminContext, made of their records.
import * as abi from '../../assembly/abi.ts'
import { formatAddress, readSocketAddress } from '../channel/address.ts'
import { packageVersion } from '../kernel/package-root.ts'
import type { Loop } from '../loop/loop.ts'
import type { Listener } from '../reactor/listener.ts'
import type { Commander } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import {
  type AdminClient,
  type AdminContext,
  type AdminSettings,
  type AdminStats,
  adminReply,
  POLICIES,
} from './kv-admin.ts'

export interface ContextOptions {
  readonly maxClients: number
  readonly password: string
  /** Whether CLIENT SETINFO, newer than Redis 7.0, is taken without effect, as a proxy's clients want it. */
  readonly setInfo?: boolean
  /** Commands a proxy has routed; a kv counts its own. */
  readonly commands?: () => number
  /** Sections that INFO shows beside its own. */
  readonly sections?: () => Readonly<Record<string, readonly (readonly [string, string | number])[]>>
}

/** Answers commands for the clients of a listener. `keyspaces` may be empty: a proxy without embedded shards. */
export function kvCommander(
  loop: Loop,
  listener: Listener,
  keyspaces: readonly Keyspace[],
  options: ContextOptions,
): Commander {
  const context = new Context(loop, listener, keyspaces, options)
  return (args, slot) => context.reply(args, slot)
}

const BULK_MAX = 512 * 1024 * 1024

class Context implements AdminContext {
  readonly version = packageVersion()
  readonly startedMs: number
  readonly #loop: Loop
  readonly #listener: Listener
  readonly #keyspaces: readonly Keyspace[]
  readonly #options: ContextOptions
  #password: string
  #asking = 0
  #killed = false

  constructor(loop: Loop, listener: Listener, keyspaces: readonly Keyspace[], options: ContextOptions) {
    this.#loop = loop
    this.startedMs = loop.schedule.nowMs()
    this.#listener = listener
    this.#keyspaces = keyspaces
    this.#options = options
    this.#password = options.password
  }

  reply(args: Uint8Array[], slot: number): { reply: Uint8Array; close: boolean } {
    this.#asking = slot
    this.#killed = false
    const reply = this.#options.setInfo && isSetInfo(args) ? Buffer.from('+OK\r\n') : adminReply(args, this)
    return { reply, close: this.#killed }
  }

  get kernel(): string {
    return this.#loop.kernel.name
  }

  get nowMs(): number {
    return this.#loop.schedule.nowMs()
  }

  get client(): AdminClient {
    return this.#client(this.#loop.core.channelAt(this.#asking) >>> 0)
  }

  get clients(): AdminClient[] {
    return this.#channels().map((ch) => this.#client(ch))
  }

  get settings(): AdminSettings {
    const { host, port } = this.#listener.address
    const stats = this.#keyspaces[0]?.stats()
    return {
      port,
      bind: host,
      databases: stats?.databases ?? 1,
      maxmemory: stats?.maxmemory ?? 0,
      policy: POLICIES[stats?.policy ?? 0] ?? 'noeviction',
      bulkMax: BULK_MAX,
      clientsMax: this.#options.maxClients,
      timeoutSeconds: 0,
      password: this.#password,
    }
  }

  get stats(): AdminStats {
    const { view } = this.#loop
    const { endpoint } = this.#listener
    const u64 = (at: number): number => Number(view.getBigUint64(at, true))
    const channels = this.#channels()
    const sum = (offset: number): number => channels.reduce((total, ch) => total + u64(ch + offset), 0)
    const all = this.#keyspaces.map((keyspace) => keyspace.stats())
    const total = (name: 'commands' | 'hits' | 'misses' | 'expired' | 'evicted'): number =>
      all.reduce((value, stats) => value + stats[name], 0)
    return {
      connections: this.#listener.accepted,
      rejected: u64(endpoint + abi.ENDPOINT_REFUSED),
      commands: this.#options.commands?.() ?? total('commands'),
      inputBytes: u64(endpoint + abi.ENDPOINT_BYTES_IN) + sum(abi.CHANNEL_BYTES_IN),
      outputBytes: u64(endpoint + abi.ENDPOINT_BYTES_OUT) + sum(abi.CHANNEL_BYTES_OUT),
      hits: total('hits'),
      misses: total('misses'),
      expired: total('expired'),
      evicted: total('evicted'),
      usedBytes: all[0]?.used ?? 0, // keyspaces of one service share their bytes
      peakBytes: all[0]?.peak ?? 0,
    }
  }

  get keyspace(): { keys: number; expires: number }[] {
    const { databases } = this.settings
    return Array.from({ length: databases }, (_, database) => ({
      keys: this.#keyspaces.reduce((sum, keyspace) => sum + keyspace.keys(database), 0),
      expires: this.#keyspaces.reduce((sum, keyspace) => sum + keyspace.expires(database), 0),
    }))
  }

  get sections(): Readonly<Record<string, readonly (readonly [string, string | number])[]>> {
    return this.#options.sections?.() ?? {}
  }

  kill(id: number): void {
    const { core, view } = this.#loop
    for (const ch of this.#channels()) {
      if (Number(view.getBigUint64(ch + abi.CHANNEL_SESSION + abi.SESSION_ID, true)) !== id) continue
      const slot = (ch - (core.channelAt(0) >>> 0)) / abi.CHANNEL_BYTES
      if (slot === this.#asking) this.#killed = true
      else core.end(slot, view.getUint32(ch + abi.CHANNEL_GENERATION, true), 1)
    }
  }

  setMaxmemory(bytes: number): boolean {
    return this.#keyspaces[0]?.setMaxmemory(bytes) ?? false
  }

  setPolicy(policy: (typeof POLICIES)[number]): void {
    this.#keyspaces[0]?.setPolicy(policy)
  }

  setPassword(password: string): void {
    this.#password = password
    for (const keyspace of this.#keyspaces) keyspace.setPassword(password)
    this.#loop.view.setUint32(this.#listener.endpoint + abi.ENDPOINT_PASSWORD, password === '' ? 0 : 1, true)
  }

  resetStats(): void {
    for (const keyspace of this.#keyspaces) keyspace.resetStats()
  }

  /** The records of the listener's open channels. */
  #channels(): number[] {
    const { core, view } = this.#loop
    const touched = core.channelsTouched() >>> 0
    const found: number[] = []
    for (let slot = 0; slot < touched; slot++) {
      const ch = core.channelAt(slot) >>> 0
      if (view.getUint32(ch + abi.CHANNEL_STATE, true) !== abi.STATE_OPEN) continue
      if (view.getUint32(ch + abi.CHANNEL_ENDPOINT, true) === this.#listener.endpoint) found.push(ch)
    }
    return found
  }

  #client(ch: number): AdminClient {
    const { view, bytes } = this.#loop
    const session = ch + abi.CHANNEL_SESSION
    const fd = view.getInt32(ch + abi.CHANNEL_FD, true)
    const name = view.getUint32(session + abi.SESSION_NAME, true) + abi.BLOCK_HEADER_BYTES
    const nameLength = view.getUint32(session + abi.SESSION_NAME_LENGTH, true)
    const now = this.nowMs
    const partial = view.getUint32(ch + abi.CHANNEL_PARTIAL, true)
    return {
      id: Number(view.getBigUint64(session + abi.SESSION_ID, true)),
      address: this.#address(abi.CALL_GETPEERNAME, fd),
      localAddress: this.#address(abi.CALL_GETSOCKNAME, fd),
      fd,
      name: Buffer.from(bytes.subarray(name, name + nameLength)).toString('latin1'),
      ageSeconds: Math.max(0, Math.floor(now / 1000) - view.getUint32(ch + abi.CHANNEL_SINCE_S, true)),
      idleSeconds: Math.floor(((now - view.getUint32(ch + abi.CHANNEL_ACTIVE_MS, true)) >>> 0) / 1000),
      database: view.getUint32(session + abi.SESSION_DB, true),
      resp3: (view.getUint32(session + abi.SESSION_FLAGS, true) & abi.SESSION_RESP3) !== 0,
      inputBytes: partial === 0 ? 0 : view.getUint32(partial + 16, true) - view.getUint32(partial + 12, true),
      outputBytes: view.getUint32(ch + abi.CHANNEL_QUEUE + 8, true),
    }
  }

  #address(op: number, fd: number): string {
    const loop = this.#loop
    return loop.call(op, fd, loop.stage, 128) < 0 ? '' : formatAddress(readSocketAddress(loop.view, loop.stage))
  }
}

/** `CLIENT SETINFO attribute value`. */
function isSetInfo(args: Uint8Array[]): boolean {
  const [command, subcommand] = args.slice(0, 2).map((word) => Buffer.from(word).toString().toLowerCase())
  return args.length === 4 && command === 'client' && subcommand === 'setinfo'
}
