// Frames through decoders and encoders on the handler's path: law 1, however the kernel and the peers cut the bytes.
import type { Channel } from '../../dist/src/channel/channel.js'
import { lengthField } from '../../dist/src/core/codec/length-field.js'
import { line } from '../../dist/src/core/codec/line.js'
import { listenOn } from '../../dist/src/reactor/listen.js'
import { write } from './echo.ts'
import { HARMFUL } from './faults.ts'
import { Peer } from './peer.ts'
import type { Play, Scenario, World } from './world.ts'

const PORT = 4000
const CLIENTS_MAX = 8
const FRAME_MAX = 40_000

/** A framing as both ends speak it. */
interface Framing {
  encode(message: Buffer): Buffer
  /** → the first message and what follows it. */
  decode(bytes: Buffer): { message: Buffer; rest: Buffer } | undefined
}

const LINE: Framing = {
  encode: (message) => Buffer.concat([message, Buffer.from('\n')]),
  decode(bytes) {
    const end = bytes.indexOf(10)
    return end < 0 ? undefined : { message: bytes.subarray(0, end), rest: bytes.subarray(end + 1) }
  },
}

const LENGTH_FIELD: Framing = {
  encode(message) {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(message.length)
    return Buffer.concat([head, message])
  },
  decode(bytes) {
    if (bytes.length < 4) return undefined
    const end = 4 + bytes.readUInt32BE(0)
    return bytes.length < end ? undefined : { message: bytes.subarray(4, end), rest: bytes.subarray(end) }
  },
}

class FrameClient {
  readonly peer: Peer
  readonly #world: World
  readonly #framing: Framing
  readonly #goal: number
  readonly #chunk: number
  readonly #expected: Buffer[] = []
  #out: Buffer = Buffer.alloc(0)
  #in: Buffer = Buffer.alloc(0)
  #made = 0
  answered = 0

  constructor(world: World, peer: Peer, framing: Framing) {
    this.#world = world
    this.peer = peer
    this.#framing = framing
    this.#goal = Math.min(world.random.pick([1, 30, 400]), 10 * world.window)
    this.#chunk = world.random.pick([1, 9, 800, 30_000])
  }

  act(calm: boolean): void {
    const { random } = this.#world
    if (calm || random.chance(0.7)) this.#send(calm)
    if (calm || random.chance(0.7)) this.#receive(calm ? 65536 : 1 + random.below(2 * this.#chunk))
  }

  #send(calm: boolean): void {
    const { random } = this.#world
    while (this.#made < this.#goal && this.#out.length < this.#chunk) this.#make()
    const most = calm ? 65536 : 1 + random.below(this.#chunk)
    this.#out = this.#out.subarray(this.peer.send(this.#out.subarray(0, most)))
    if (this.#made === this.#goal && this.#out.length === 0) this.peer.shutdown()
  }

  /** One message in twenty is too long: it is answered by its length. */
  #make(): void {
    const { random, window } = this.#world
    const isLong = random.chance(this.#world.window > 1000 ? 0.05 : 0)
    const length = isLong
      ? FRAME_MAX + 1 + random.below(70_000)
      : random.pick([0, 1, 20, Math.min(900, window), Math.min(random.below(FRAME_MAX), 5 * window)])
    const text = `${this.#made++}:`.padEnd(length, 'abcdefghijklmnopqrstuvwxyz0123456789').slice(0, length)
    this.#out = Buffer.concat([this.#out, this.#framing.encode(Buffer.from(text))])
    this.#expected.push(Buffer.from(isLong ? `too long` : text))
  }

  #receive(capacity: number): void {
    this.#in = Buffer.concat([this.#in, this.peer.receive(capacity)])
    for (let next = this.#framing.decode(this.#in); next !== undefined; next = this.#framing.decode(this.#in)) {
      const wanted = this.#expected.shift()
      const got = next.message
      this.#world.check(wanted?.equals(got) === true, () => {
        const show = (bytes?: Buffer): string => `${bytes?.length} bytes (${bytes?.toString('latin1', 0, 20)})`
        return `answer ${this.answered} is ${show(got)}, and not ${show(wanted)}`
      })
      this.answered++
      this.#in = next.rest
    }
  }

  /** For a message. */
  get progress(): string {
    return `a client with ${this.answered} of ${this.#goal} answers`
  }

  get done(): boolean {
    return this.peer.over || this.peer.broken
  }

  get whole(): boolean {
    return this.peer.over && this.answered === this.#goal && this.#in.length === 0
  }
}

class Frames implements Play {
  readonly #world: World
  readonly #framing: Framing
  readonly #close: () => Promise<void>
  #clients: FrameClient[] = []
  #cut = 0

  constructor(world: World, framing: Framing, close: () => Promise<void>) {
    this.#world = world
    this.#framing = framing
    this.#close = close
  }

  act(calm: boolean): void {
    const { random, kernel } = this.#world
    if (!calm && this.#clients.length < CLIENTS_MAX && random.chance(0.05)) {
      const peer = kernel.connect(PORT)
      if (peer >= 0) this.#clients.push(new FrameClient(this.#world, new Peer(this.#world, peer), this.#framing))
    }
    for (const client of this.#clients) {
      client.act(calm)
      if (!client.done) continue
      client.peer.close()
      if (client.whole) continue
      this.#cut++
      const harm = this.#world.injected(...HARMFUL)
      this.#world.check(this.#cut <= harm, () => `a client was cut off after ${client.answered} answers`)
    }
    this.#clients = this.#clients.filter(({ peer }) => !peer.closed)
  }

  done(): boolean {
    return this.#clients.length === 0
  }

  waiting(): string {
    return this.#clients.map((client) => client.progress).join('; ')
  }

  finish(): Promise<void> {
    return this.#world.settle(this.#close(), 'closing the server')
  }
}

function frames(name: string, framing: Framing, codec: Parameters<typeof listenOn>[1]['codec']): Scenario {
  return {
    name,
    async start(world) {
      const high = world.random.pick([1, 3000, 65536])
      const server = await listenOn(world.adopt(), {
        port: PORT,
        ...(codec === undefined ? {} : { codec }),
        highWaterMark: high,
        lowWaterMark: high >> 1,
        handler: {
          frame: (channel: Channel, frame) => write(channel, frame),
          error: (channel, error) => {
            if ((error as { code?: string }).code === 'MILLRACE_ERR_FRAME_TOO_LONG') write(channel, 'too long')
          },
        },
      })
      return new Frames(world, framing, () => server.close())
    },
  }
}

export const lines: Scenario = frames('lines', LINE, line({ maxLength: FRAME_MAX }))

const lengths = lengthField({ maxFrameLength: FRAME_MAX, lengthFieldLength: 4, initialBytesToStrip: 4 })
export const fields: Scenario = frames('fields', LENGTH_FIELD, lengths)
