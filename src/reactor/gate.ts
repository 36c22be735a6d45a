// The side of the sockets where other threads run the handlers: frames are kept in the loop's memory until the thread
// that got them has done with them, and answers are written to their channels.
import type { Channel } from '../channel/channel.ts'
import { HandlerDeliverer } from '../channel/deliver.ts'
import type { Codec } from '../core/codec/codec.ts'
import { Frame } from '../core/frame.ts'
import { copyRecords } from '../core/frame-records.ts'
import { Doorbell } from '../loop/doorbell.ts'
import type { Loop } from '../loop/loop.ts'
import { SharedQueue } from '../loop/shared-queue.ts'
import * as crossing from './crossing.ts'
import { HandlerBridge } from './listen.ts'

/** Events on their way to one thread; more wait in a list, and their channels are paused. */
const EVENTS_MAX = 4096
/** Answers read before the event loop has its say. */
const ANSWERS_MAX = 512

/** A thread that runs handlers, and what is on the way between it and this loop. */
export class Link {
  readonly events: SharedQueue = SharedQueue.create(EVENTS_MAX, crossing.EVENT_WORDS)
  readonly ring: number
  readonly answers: crossing.AnswerRing
  /** Events for which there was no room. */
  readonly backlog: number[][] = []
  /** Blocks it may look at. */
  readonly blocks = new Set<number>()
  channels = 0
  accepted = 0
  alive = true

  constructor(loop: Loop) {
    this.ring = loop.alloc(crossing.RING_BYTES)
    this.answers = new crossing.AnswerRing(memoryOf(loop), this.ring, () => undefined)
    this.answers.clear()
  }
}

/** What the gate keeps with a channel. */
interface Crossing {
  readonly id: number
  readonly channel: Channel
  readonly link: Link
  /** Bytes of frames that are with the thread. */
  owed: number
  /** Paused by the handler; by the gate, because too much is owed. */
  paused: boolean
  held: boolean
  ended: boolean
  /** A message that comes in parts. */
  message: { readonly at: number; have: number } | undefined
}

export class Gate {
  readonly loop: Loop
  readonly bell: Int32Array = new Int32Array(new SharedArrayBuffer(4))
  readonly links: Link[] = []
  readonly #bell: Doorbell
  readonly #high: number
  readonly #crossings = new Map<number, Crossing>()
  readonly #frame: Frame
  #lastId = 0
  #next = 0
  #stopping = false
  #idle: (() => void) | undefined

  /** `high`: bytes of a channel's frames that may be with a thread before the channel is paused. */
  constructor(loop: Loop, high: number) {
    this.loop = loop
    this.#high = high
    this.#frame = new Frame(loop)
    this.#bell = new Doorbell(this.bell, 0)
    this.#bell.attend(() => this.#answers())
  }

  /** What stands between the core and the threads. */
  bridge(codec: Codec<unknown>): HandlerBridge {
    return new HandlerBridge(this.loop, new GateDeliverer(this, this.loop, codec))
  }

  /** Frames and ends that no thread has answered yet. */
  get owed(): number {
    return this.links.reduce((sum, { blocks, backlog }) => sum + blocks.size + backlog.length, 0)
  }

  /** Takes no more frames; resolves once those taken are answered, or `ms` have passed. */
  async settle(ms: number): Promise<void> {
    this.#stopping = true
    for (const { channel } of this.#crossings.values()) channel.pause()
    if (this.owed === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
      this.#idle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  close(): void {
    this.#bell.leave()
  }

  opened(channel: Channel): void {
    const link = this.#choose()
    if (link === undefined) {
      channel.destroy()
      return
    }
    const id = ++this.#lastId
    const crossingOf: Crossing = {
      id,
      channel,
      link,
      owed: 0,
      paused: false,
      held: false,
      ended: false,
      message: undefined,
    }
    channel.data = crossingOf
    this.#crossings.set(id, crossingOf)
    link.channels++
    link.accepted++
    this.#text(crossingOf, crossing.EVENT_OPEN, JSON.stringify(channel.remoteAddress ?? null))
  }

  frame(channel: Channel, records: Uint32Array, i: number): void {
    const c = channel.data as Crossing
    let kept: { at: number; bytes: number }
    try {
      kept = keepFrame(this.loop, records, i)
    } catch (error) {
      channel.destroy() // without memory for a frame: nothing is left out of a stream that goes on
      throw error
    }
    const { at, bytes } = kept
    c.link.blocks.add(at)
    c.owed += bytes
    this.#push(c.link, [crossing.EVENT_FRAME, c.id, at, bytes])
    if (c.owed > this.#high || c.link.backlog.length > 0) {
      c.held = true
      channel.pause()
    }
  }

  failed(channel: Channel, error: Error): void {
    const { name: _, stack: __, ...rest } = error
    this.#text(channel.data as Crossing, crossing.EVENT_ERROR, JSON.stringify({ ...rest, message: error.message }))
  }

  told(channel: Channel, event: number): void {
    const c = channel.data as Crossing | undefined
    if (c !== undefined) this.#push(c.link, [event, c.id, 0, 0])
  }

  closed(channel: Channel): void {
    const c = channel.data as Crossing | undefined
    if (c === undefined) return
    this.told(channel, crossing.EVENT_CLOSE)
    c.link.channels--
    this.#crossings.delete(c.id)
    if (c.message !== undefined) this.loop.core.free(c.message.at)
  }

  /** A thread has ended: what it said last is done, and then its channels end with it. */
  drop(link: Link): void {
    this.#read(link, Number.POSITIVE_INFINITY)
    link.alive = false
    link.backlog.length = 0
    for (const block of link.blocks) this.loop.core.free(block)
    link.blocks.clear()
    for (const c of this.#crossings.values()) if (c.link === link) c.channel.destroy()
    this.loop.core.free(link.ring)
    this.links.splice(this.links.indexOf(link), 1)
    if (this.owed === 0) this.#idle?.()
  }

  /** Threads take channels in turn; a channel stays with its thread, so that its frames stay in order. */
  #choose(): Link | undefined {
    return this.links[this.#next++ % Math.max(1, this.links.length)]
  }

  #text(c: Crossing, event: number, text: string): void {
    if (!c.link.alive) return
    const bytes = Buffer.from(text)
    const at = this.loop.alloc(bytes.length)
    this.loop.bytes.set(bytes, at)
    c.link.blocks.add(at)
    this.#push(c.link, [event, c.id, at, bytes.length])
  }

  #push(link: Link, event: number[]): void {
    if (!link.alive) return
    if (link.backlog.length > 0 || !link.events.push(event)) link.backlog.push(event)
  }

  /** Reads what threads have answered; → whether there is more. */
  #answers(): boolean {
    let left = false
    for (const link of this.links) {
      left = this.#read(link, ANSWERS_MAX) || left
      const { backlog } = link
      let pushed = 0
      while (pushed < backlog.length && link.events.push(backlog[pushed] as number[])) pushed++
      backlog.splice(0, pushed)
      if (pushed > 0 && backlog.length === 0) for (const c of this.#crossings.values()) this.#release(c, 0)
    }
    this.loop.touch()
    if (this.owed === 0) this.#idle?.()
    return left
  }

  #read(link: Link, most: number): boolean {
    return link.answers.read(most, (op, id, a, b, at) => {
      const c = this.#crossings.get(id)
      if (op === crossing.ANSWER_RELEASE) {
        this.loop.core.free(a)
        link.blocks.delete(a)
        if (c !== undefined) this.#release(c, b)
      } else if (c !== undefined) {
        this.#act(c, op, a, b, link.ring + at)
      }
    })
  }

  #act(c: Crossing, op: number, a: number, b: number, at: number): void {
    const { channel } = c
    switch (op) {
      case crossing.ANSWER_WRITE:
        if (a === b) this.#write(c, at, a)
        else this.#part(c, at, a, b)
        break
      case crossing.ANSWER_WRITE_AT:
        this.#write(c, a, b)
        break
      case crossing.ANSWER_ENDED:
      case crossing.ANSWER_END:
        c.ended = true
        channel.end()
        break
      case crossing.ANSWER_DESTROY:
        channel.destroy()
        break
      case crossing.ANSWER_PAUSE:
        c.paused = true
        channel.pause()
        break
      case crossing.ANSWER_RESUME:
        c.paused = false
        if (!c.held && !this.#stopping) channel.resume()
        break
    }
  }

  #part(c: Crossing, at: number, bytes: number, total: number): void {
    c.message ??= { at: this.loop.alloc(total), have: 0 }
    const { message } = c
    this.loop.bytes.copyWithin(message.at + message.have, at, at + bytes)
    message.have += bytes
    if (message.have < total) return
    c.message = undefined
    this.#write(c, message.at, total)
    this.loop.core.free(message.at)
  }

  /** What fails is the channel's error, since nobody can catch it; a stream with a gap does not go on. */
  #write(c: Crossing, at: number, length: number): void {
    if (c.ended) return
    this.#frame.at = at
    this.#frame.length = length
    try {
      if (!c.channel.write(this.#frame)) this.told(c.channel, crossing.EVENT_FULL)
    } catch (error) {
      if ((error as { code?: string }).code === 'EPIPE') return // it closes, as the handler hears
      this.failed(c.channel, error as Error)
      c.channel.destroy()
    }
  }

  /** A thread has done with `bytes`: a channel of which too much was with it goes on. */
  #release(c: Crossing, bytes: number): void {
    c.owed -= bytes
    if (!c.held || c.owed > this.#high >> 1 || c.link.backlog.length > 0) return
    c.held = false
    if (!c.paused && !this.#stopping) c.channel.resume()
  }
}

class GateDeliverer extends HandlerDeliverer<unknown> {
  readonly #gate: Gate

  constructor(gate: Gate, loop: Loop, codec: Codec<unknown>) {
    const handler = {
      open: (channel: Channel) => gate.opened(channel),
      frame: () => undefined,
      close: (channel: Channel) => gate.closed(channel),
    }
    super(loop, handler, codec)
    this.#gate = gate
  }

  override frame(channel: Channel, records: Uint32Array, i: number): void {
    this.#gate.frame(channel, records, i)
  }

  override error(channel: Channel, error: Error): void {
    this.#gate.failed(channel, error)
  }

  override writable(channel: Channel): void {
    this.#gate.told(channel, crossing.EVENT_WRITABLE)
  }

  /** Our side ends once the thread has heard of it, and everything it wrote before. */
  override end(channel: Channel): void {
    this.#gate.told(channel, crossing.EVENT_END)
  }
}

/** The loop's memory, as threads share it. */
export function memoryOf(loop: Loop): SharedArrayBuffer {
  return loop.memory.buffer as unknown as SharedArrayBuffer
}

/** Copies the frame at record `i` within the memory, into a block: its records, then the bytes they point to. */
function keepFrame(loop: Loop, source: Uint32Array, i: number): { at: number; bytes: number } {
  const { at, bytes, records } = copyRecords(loop, source, i, true)
  loop.u32.set(records, at >>> 2)
  return { at, bytes }
}
