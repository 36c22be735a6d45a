// The acceptor of a server whose connections other threads serve: it takes descriptors and hands them on by number,
// since the threads of a process share one table of them.
import * as abi from '../../assembly/abi.ts'
import { SERVICE_BOSS, UP_ACCEPTED } from '../../assembly/turn/abi.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { SharedQueue } from '../loop/shared-queue.ts'
import { Board } from './board.ts'
import { Listener } from './listener.ts'
import { bindTcp, type ListeningOptions } from './listening.ts'

export type Balance = 'round-robin' | 'least-connections'

/** Descriptors on their way to one thread. */
const CONNECTIONS_MAX = 1024

/** Where and how it listens. */
type Place = ListeningOptions & { readonly port: number; readonly host?: string }

/** A thread as its boss sees it. */
export interface Member {
  readonly connections: SharedQueue
  /** Channels open now, where it serves; undefined where it does not. */
  channels(): number | undefined
}

export class Boss {
  readonly loop: Loop
  readonly board = new Board()
  readonly members: readonly Member[]
  readonly #balance: Balance
  #listener: Listener | undefined
  #next = 0
  /** Connections that may still be accepted. */
  #room: number

  constructor(loop: Loop, members: readonly Member[], balance: Balance, limit: number) {
    this.loop = loop
    this.members = members
    this.#balance = balance
    this.#room = limit
  }

  /** Binds and listens, and hands on what comes. */
  async listen(options: Place, limit: number): Promise<Listener> {
    const { port, host = '127.0.0.1' } = options
    const handler: EndpointHandler = {
      upcall: (kind, _slot, _generation, fd) => {
        if (kind === UP_ACCEPTED) this.hand(fd, true)
      },
    }
    const endpoint = { service: SERVICE_BOSS, high: 0, low: 0, limit, handler }
    this.#listener = Listener.on(this.loop, await bindTcp(this.loop, { host, port }, options), endpoint)
    this.#room = this.#listener.limit.limit
    this.board.attend(() => this.#refill())
    return this.#listener
  }

  /** Hands a connection to one of the threads; where none has room for it, it is closed. `fresh`: just accepted. */
  hand(fd: number, fresh: boolean): void {
    if (fresh) this.#room--
    const record = [fd]
    const member = this.#choose()
    // a thread that is full is passed over, whatever the balance
    const taken = member?.connections.push(record) || this.members.some((m) => serves(m) && m.connections.push(record))
    if (!taken) {
      this.loop.call(abi.CALL_CLOSE, fd)
      this.board.closed(1)
    }
    this.#refill()
  }

  /** Stops accepting; what was accepted is handed on. */
  async close(): Promise<void> {
    await this.#listener?.close(0)
    this.board.leave()
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#listener?.accepted ?? 0
  }

  #choose(): Member | undefined {
    const { members } = this
    let best: Member | undefined
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < members.length; i++) {
      const at = (this.#next + i) % members.length
      const member = members[at] as Member
      if (!serves(member)) continue
      const load = this.#balance === 'round-robin' ? 0 : (member.channels() ?? 0) + member.connections.length
      if (load >= least) continue
      least = load
      best = member
      if (this.#balance === 'round-robin') {
        this.#next = at + 1
        break
      }
    }
    return best
  }

  /** Connections that have closed make room for others. */
  #refill(): void {
    const listener = this.#listener
    const closed = this.board.take(this.#room <= 0)
    if (listener === undefined || closed === 0) return
    this.#room += closed
    if (this.#room > 0) this.board.take(false)
    this.loop.core.endpointAllow(listener.endpoint, closed)
    this.loop.touch()
  }
}

/** A queue for connections on their way to a thread. */
export function connectionQueue(): SharedQueue {
  return SharedQueue.create(CONNECTIONS_MAX, 1)
}

function serves(member: Member): boolean {
  return member.channels() !== undefined
}
