// A channel as a handler sees it: a slot and a generation in the core, and the few verbs that act on them.
import * as abi from '../../assembly/abi.ts'
import type { Codec } from '../core/codec/codec.ts'
import { Frame } from '../core/frame.ts'
import { systemError } from '../kernel/errors.ts'
import type { Loop } from '../loop/loop.ts'
import { readSocketAddress, type TcpAddress } from './address.ts'
import { type CodecRecord, giveCodec, takeCodec } from './codec-record.ts'
import type { Deliverer } from './deliver.ts'
import { Held } from './held.ts'
import { setKeepAlive, setOption } from './options.ts'
import { openFile, type SendFileOptions, Sendings } from './send-file.ts'

/** Plain functions, called synchronously; all but `frame` may be left out. */
export interface Handler<M = undefined> {
  open?(channel: Channel): void
  frame(channel: Channel, frame: Frame<M>): void
  /** The queue, which had been above the high watermark, is low again. */
  writable?(channel: Channel): void
  /** The peer has ended its side. Ours ends by itself after this call, once everything written is sent. */
  end?(channel: Channel): void
  /** A bad frame, after which decoding goes on; or a failure of the connection, after which it closes. */
  error?(channel: Channel, error: Error): void
  close?(channel: Channel): void
}

const SMALL = 64

export type { Deliverer } from './deliver.ts'

/** How a channel goes on when its protocol changes. */
export interface UpgradeOptions<M = undefined> {
  /** Decodes what comes behind the current frame, and encodes what is written from now on. */
  readonly codec: Codec<M>
  /** Is told everything from now on, but no `open`. */
  readonly handler: Handler<M>
  /** Whether it may be upgraded again. False by default, for a channel that is decoded at full speed from now on. */
  readonly upgradable?: boolean
}

/** Behind a frame of UP_FRAME, the core waits: the frame has come, was handed over, or has changed the codec. */
const ARRIVED = 1
const TAKEN = 2
const UPGRADED = 3

export class Channel {
  readonly #loop: Loop
  readonly #slot: number
  readonly #generation: number
  /** Room for whatever the handler wants to keep with the channel. */
  data: unknown = undefined

  #deliverer: Deliverer
  #paused = false
  /** Above the high watermark: what is decoded already waits, as the rest does. */
  #full = false
  /** Nothing more is delivered: the handler has ended or destroyed the channel. */
  #done = false
  #held: Held | undefined
  #sendings: Sendings | undefined
  /** 0, or where the core waits. */
  #stop = 0
  #codec: CodecRecord | undefined
  /** Why the connection failed. */
  #failure: Error | undefined
  /** Whether it keeps the process alive by itself. */
  #refed = false
  #remote: TcpAddress | undefined
  #local: TcpAddress | undefined

  /** @internal */
  constructor(loop: Loop, slot: number, generation: number, deliverer: Deliverer) {
    this.#loop = loop
    this.#slot = slot
    this.#generation = generation
    this.#deliverer = deliverer
  }

  /** @internal Who calls the handler. */
  get deliverer(): Deliverer {
    return this.#deliverer
  }

  /** @internal A frame of UP_FRAME has come; the core waits behind it. */
  stopped(): void {
    this.#stop = this.#waits ? ARRIVED : TAKEN
  }

  /** @internal Whether what was decoded with the frame of `stopped` is still wanted. */
  get keepsCodec(): boolean {
    return this.#stop !== UPGRADED
  }

  /** @internal Lets the core go on, unless the handler has paused or filled the channel. */
  goOn(): void {
    if (this.#stop === 0 || this.#waits) return
    this.#stop = 0
    this.#loop.core.channelGoOn(this.#slot, this.#generation)
  }

  /**
   * Changes the protocol: the bytes behind the frame that the handler is looking at are decoded by another codec and
   * told to another handler, however they were cut on the way. For channels of `listen({ upgradable: true })`, during
   * the call of `frame`, or later while that call has paused the channel. Of http1 the end of a message without a body
   * goes with its head. Throws ERR_INVALID_STATE at other times, and EPIPE where nothing more can come.
   */
  upgrade<M>({ codec, handler, upgradable = false }: UpgradeOptions<M>): void {
    if (this.#stop < TAKEN || this.#done) throw notBehindFrame(this.#done)
    const loop = this.#loop
    const record = takeCodec(loop, codec as Codec<unknown>, upgradable)
    const result = loop.core.channelMove(this.#slot, this.#generation, record.at)
    if (result < 0) {
      giveCodec(loop, record)
      throw systemError(result, 'upgrade')
    }
    giveCodec(loop, this.#codec)
    this.#codec = record
    this.#stop = UPGRADED
    this.#held?.drop()
    this.#deliverer = this.#deliverer.follow(handler, codec)
  }

  /** @internal The frame at record `i` has come: it is delivered, or held while the channel is paused or full. */
  received(records: Uint32Array, i: number): void {
    if (this.#done) return
    if (this.#waits) this.#keep(records, i)
    else this.#deliverer.frame(this, records, i)
  }

  /** Without memory to keep a frame in, the channel closes: nothing is left out of a stream that goes on. */
  #keep(records: Uint32Array, i: number): void {
    try {
      this.#hold().pushFrame(records, i)
    } catch (error) {
      this.destroy()
      this.#deliverer.error(this, error as Error)
    }
  }

  /** @internal An error has come, in the place of a frame. */
  receivedError(error: Error): void {
    if (this.#done) return
    if (this.#waits) this.#hold().pushError(error)
    else this.#deliverer.error(this, error)
  }

  /** @internal The connection has failed. */
  failed(error: Error): void {
    this.#failure = error
    this.receivedError(error)
  }

  /** @internal The oldest file is sent; `error`: it is not, and never will be. */
  fileSent(sent: number, error: number): void {
    const failure = this.#sendings?.sent(sent, error)
    if (failure !== undefined) this.failed(failure)
  }

  /** @internal The peer has ended its side. */
  receivedEnd(): void {
    if (this.#done) return
    if (this.#waits) this.#hold().ended = true
    else this.#deliverer.end(this)
  }

  /** @internal The queue is low again. */
  drained(): void {
    this.#full = false
    if (!this.#paused) this.#deliver()
    if (!this.#done) this.#deliverer.writable(this)
  }

  /** @internal The channel is closed. */
  closed(): void {
    this.#done = true
    this.unref()
    this.#held?.drop()
    this.#held = undefined
    this.#sendings?.drop(this.#failure)
    giveCodec(this.#loop, this.#codec)
    this.#codec = undefined
  }

  get #waits(): boolean {
    return this.#paused || this.#full || this.#held !== undefined
  }

  #hold(): Held {
    this.#held ??= new Held(this.#loop)
    return this.#held
  }

  /** A handler that throws does not keep what is behind from coming. */
  #safely(deliver: () => void): void {
    try {
      deliver()
    } catch (error) {
      this.#loop.schedule.raise(error)
    }
  }

  /** Delivers what was held, until the handler pauses or fills the channel again; then the core goes on. */
  #deliver(): void {
    const held = this.#held
    if (this.#stop === ARRIVED && held?.empty === false) this.#stop = TAKEN
    while (held !== undefined && !held.empty && !this.#paused && !this.#full && !this.#done) {
      held.shift(
        (records) => this.#safely(() => this.#deliverer.frame(this, records, 0)),
        (error) => this.#safely(() => this.#deliverer.error(this, error)),
      )
    }
    if (this.#paused || this.#full || this.#done) return
    this.#held = undefined
    if (held?.ended) this.#safely(() => this.#deliverer.end(this))
    this.#loop.core.pause(this.#slot, this.#generation, 0)
    this.goOn()
    this.#loop.touch()
  }

  /**
   * Queues a message, framed by the codec; it is sent with everything else of this turn. Returns false when the queue
   * is now above its high watermark: no frames come any more, and `writable` says when to go on. Throws EPIPE after the
   * end, ENOBUFS where the queue is at its bound, ERR_OUT_OF_RANGE where the codec has no frame of that length; then
   * nothing was queued.
   */
  write(message: Frame<unknown> | Uint8Array | string): boolean {
    const loop = this.#loop
    let result: number
    if (message instanceof Frame && message.liesIn(loop)) {
      result = loop.core.write(this.#slot, this.#generation, message.at, message.length)
    } else {
      const bytes = typeof message === 'string' ? Buffer.from(message) : message
      result = this.#writeBytes(bytes instanceof Frame ? bytes.bytes : bytes)
    }
    if (result === -abi.ERANGE) throw outOfRange(message.length)
    if (result < 0) throw systemError(result, 'write')
    loop.touch()
    if (result === 0) this.#full = true
    return result === 1
  }

  #writeBytes(bytes: Uint8Array): number {
    const { core, stage, bytes: memory } = this.#loop
    const length = bytes.length
    if (length <= STAGED) {
      if (length <= SMALL) for (let i = 0; i < length; i++) memory[stage + i] = bytes[i] as number
      else memory.set(bytes, stage)
      return core.write(this.#slot, this.#generation, stage, length)
    }
    const at = this.#loop.alloc(length)
    memory.set(bytes, at)
    const result = core.write(this.#slot, this.#generation, at, length)
    core.free(at)
    return result
  }

  /**
   * Queues bytes of a file behind everything written before; what is written after follows them. A path is opened now,
   * and what is sent is what was opened, whatever happens to the path; a descriptor stays the caller's, and open until
   * the promise settles. Resolves with the number of bytes once the socket has them all.
   *
   * Rejects with nothing queued where the file cannot be opened or has not that many bytes (ERR_OUT_OF_RANGE), is no
   * regular file (MILLRACE_ERR_NOT_A_FILE), or too many wait already (ENOBUFS); with EPIPE where the channel closes
   * before; with MILLRACE_ERR_FILE_TRUNCATED where the file becomes shorter meanwhile, which closes the channel, since
   * bytes are missing. A failure after queueing is told to the handler's `error` too, so that nobody has to look at the
   * promise. Bytes of files do not count against the watermarks; above 16 files no frames come until 8 are left.
   */
  sendFile(file: string | number, options: SendFileOptions = {}): Promise<number> {
    try {
      const opened = openFile(this.#loop, file, options)
      const how = opened.how | (opened.owned ? abi.TRANSFER_OWNED : 0)
      const { fd, offset, length, key, align, subject } = opened
      const { core } = this.#loop
      const result = core.sendFile(this.#slot, this.#generation, fd, offset, length, how, key, align)
      if (result < 0) {
        if (opened.owned) this.#loop.call(abi.CALL_CLOSE, fd)
        throw systemError(result, 'sendFile', subject)
      }
      this.#loop.touch()
      if (result === 0) this.#full = true
      this.#sendings ??= new Sendings()
      return this.#sendings.add(opened)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Ends our side once everything written is sent; no more frames come, and the channel closes. */
  end(): void {
    this.#done = true
    this.#loop.core.end(this.#slot, this.#generation, 1)
    this.#loop.touch()
  }

  /** Closes at once; what is queued is dropped. */
  destroy(): void {
    this.#done = true
    this.#loop.core.destroy(this.#slot, this.#generation)
    this.#loop.touch()
  }

  /** No more frames until `resume`; the peer feels it when the socket's buffer is full. */
  pause(): void {
    this.#paused = true
    this.#loop.core.pause(this.#slot, this.#generation, 1)
  }

  /** Frames come again, from the next turn on. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#loop.schedule.soon(() => {
      if (!this.#paused && !this.#done) this.#deliver()
    })
  }

  /** Keeps the process alive until it has closed, as what `connect` gives does. A server holds its own channels. */
  ref(): this {
    if (!this.#refed && this.#loop.core.find(this.#slot, this.#generation) !== 0) {
      this.#refed = true
      this.#loop.ref()
    }
    return this
  }

  /** Lets the process end, as far as this channel is concerned. */
  unref(): this {
    if (this.#refed) {
      this.#refed = false
      this.#loop.unref()
    }
    return this
  }

  /** Bytes queued and not yet sent, those of files not counted. */
  get writableLength(): number {
    return this.#loop.core.queued(this.#slot, this.#generation) >>> 0
  }

  /** The peer's address; undefined on a Unix socket, and on a channel that closed before anybody asked. */
  get remoteAddress(): TcpAddress | undefined {
    this.#remote ??= this.#name(abi.CALL_GETPEERNAME)
    return this.#remote
  }

  /** Our own address on this connection; likewise. */
  get localAddress(): TcpAddress | undefined {
    this.#local ??= this.#name(abi.CALL_GETSOCKNAME)
    return this.#local
  }

  #name(call: number): TcpAddress | undefined {
    const loop = this.#loop
    const fd = this.#fd()
    if (fd < 0 || loop.call(call, fd, loop.stage, 128) < 0) return undefined
    const family = loop.view.getUint16(loop.stage, true)
    return family === abi.AF_UNIX ? undefined : readSocketAddress(loop.view, loop.stage)
  }

  /** Small writes go out at once (true, the default), or wait a moment for a fuller segment. */
  setNoDelay(on = true): this {
    const fd = this.#fd()
    if (fd >= 0) setOption(this.#loop, fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, on ? 1 : 0)
    return this
  }

  /** Whether a silent peer is asked now and then if it is still there, for the first time after `delayMs`. */
  setKeepAlive(on = true, delayMs = 0): this {
    const fd = this.#fd()
    if (fd >= 0) setKeepAlive(this.#loop, fd, on, delayMs)
    return this
  }

  /** −1: the channel is closed. */
  #fd(): number {
    const ch = this.#loop.core.find(this.#slot, this.#generation) >>> 0
    return ch === 0 ? -1 : this.#loop.view.getInt32(ch + abi.CHANNEL_FD, true)
  }
}

/** What fits the loop's stage beside a call record. */
const STAGED = 60_000

function notBehindFrame(done: boolean): Error {
  const when = done ? 'it has ended' : 'only behind a frame of listen({ upgradable: true })'
  return Object.assign(new Error(`the channel cannot be upgraded: ${when}`), { code: 'ERR_INVALID_STATE' })
}

function outOfRange(length: number): Error {
  const error = new RangeError(`the channel's codec has no frame for a message of ${length} bytes`)
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
