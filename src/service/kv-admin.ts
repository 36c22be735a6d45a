// The rare commands of the kv service, answered outside of the core: COMMAND, CONFIG, INFO and most of CLIENT.
import { clientReply } from './kv-client.ts'
import { commandReply } from './kv-command.ts'
import { configReply } from './kv-config.ts'
import { infoReply } from './kv-info.ts'
import { encodeReply, failure, type Reply } from './kv-reply.ts'

/** A connection, as CLIENT LIST shows it. */
export interface AdminClient {
  readonly id: number
  /** `host:port` of the peer and of our end. */
  readonly address: string
  readonly localAddress: string
  readonly fd: number
  readonly name: string
  readonly ageSeconds: number
  readonly idleSeconds: number
  readonly database: number
  readonly resp3: boolean
  /** Bytes received that are not yet a command, and bytes that wait to be sent. */
  readonly inputBytes: number
  readonly outputBytes: number
}

/** Counters since the start, or since CONFIG RESETSTAT; and what is so now. */
export interface AdminStats {
  readonly connections: number
  readonly rejected: number
  readonly commands: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly hits: number
  readonly misses: number
  readonly expired: number
  readonly evicted: number
  readonly usedBytes: number
  readonly peakBytes: number
}

/** What can be set, and what is so set. */
export interface AdminSettings {
  readonly port: number
  readonly bind: string
  readonly databases: number
  readonly maxmemory: number
  readonly policy: AdminPolicy
  readonly bulkMax: number
  readonly clientsMax: number
  readonly timeoutSeconds: number
  readonly password: string
}

export const POLICIES = ['noeviction', 'allkeys-lru'] as const
export type AdminPolicy = (typeof POLICIES)[number]

/** What the answers need to know, and may do. Getters that are called only when such a command comes. */
export interface AdminContext {
  /** The version of millrace, the kernel in use, and when the service started. */
  readonly version: string
  readonly kernel: string
  readonly startedMs: number
  readonly nowMs: number
  /** The connection that asks. */
  readonly client: AdminClient
  readonly clients: Iterable<AdminClient>
  readonly settings: AdminSettings
  readonly stats: AdminStats
  /** Keys, and keys with a time to live, of each database. */
  readonly keyspace: readonly { readonly keys: number; readonly expires: number }[]
  /** Sections of INFO beside the ones that every service has. */
  readonly sections?: Readonly<Record<string, readonly (readonly [string, string | number])[]>>
  /** Ends a connection once what it is owed, this reply included, is sent. */
  kill(id: number): void
  /** Suppresses replies to the asking connection: all, or that of its next command, from this reply on. */
  muteReplies?(mode: 'on' | 'off' | 'skip'): void
  /** False where it is more than what was reserved at the start. */
  setMaxmemory(bytes: number): boolean
  setPolicy(policy: AdminPolicy): void
  setPassword(password: string): void
  resetStats(): void
}

/** The bytes of the reply to a command that the core has handed up. */
export function adminReply(args: readonly Uint8Array[], context: AdminContext): Uint8Array {
  const words = args.map((bytes) => Buffer.from(bytes).toString('latin1'))
  return encodeReply(answer(words, context), context.client.resp3)
}

function answer(words: readonly string[], context: AdminContext): Reply {
  switch (words[0]?.toLowerCase()) {
    case 'command':
      return commandReply(words)
    case 'config':
      return configReply(words, context)
    case 'client':
      return clientReply(words, context)
    case 'info':
      return infoReply(words, context)
    default:
      return failure(`unknown command '${words[0] ?? ''}'`)
  }
}
