// The differential tests' judge: the same bytes go to a real redis-server and to `millrace kv`, the replies agree.
import { expect, onTestFinished } from 'vitest'
import { type Program, shared, startKv, startRedis } from './harness.ts'
import { Client, encodeAll, parse, type Reply, ReplyError, show, Wire, type Word } from './wire.ts'

/** A string is split at every single space, so that a trailing one adds an empty argument. */
export type Command = string | readonly Word[]
export type Sides = { redis: Program; millrace: Program }

/** Commands separated by `|`, and by `|` and a line break. */
export const script = (text: string): string[] => text.split(/\|(?:\n *)?/)

export const words = (command: Command): readonly Word[] => (typeof command === 'string' ? command.split(' ') : command)

const BATCH = 200
const SHOWN_MAX = 12
/** How far apart the two clocks of a TTL may be read, in its own unit. */
const SLACK: Readonly<Record<string, number>> = { TTL: 1, PTTL: 1500 }

export function bothServers(args: readonly string[] = []): () => Sides {
  const redis = shared(() => startRedis(args))
  const millrace = shared(() => startKv(args))
  return () => ({ redis: redis(), millrace: millrace() })
}

/** One connection to each of the two, for one test. */
export class Pair {
  readonly redis: Client
  readonly millrace: Client

  private constructor(redis: Client, millrace: Client) {
    this.redis = redis
    this.millrace = millrace
  }

  /** Connects to both and empties both. */
  static async open(sides: Sides): Promise<Pair> {
    const pair = await Pair.join(sides)
    await pair.compare(['FLUSHALL'])
    return pair
  }

  /** Connects to both and leaves them as they are. */
  static async join({ redis, millrace }: Sides): Promise<Pair> {
    const pair = new Pair(await Client.open(redis.port), await Client.open(millrace.port))
    onTestFinished(() => {
      pair.redis.destroy()
      pair.millrace.destroy()
    })
    return pair
  }

  /** Sends the commands to both, in pipelines, and fails with a list of all replies that differ. */
  async compare(commands: readonly Command[], note = ''): Promise<void> {
    const differing: string[] = []
    for (let at = 0; at < commands.length; at += BATCH) {
      const batch = commands.slice(at, at + BATCH)
      const [expected, actual] = await this.#both(batch)
      for (const [i, command] of batch.entries()) {
        const want = expected[i] as Buffer
        const have = actual[i] as Buffer | undefined
        if (have && agree(command, want, have)) continue
        differing.push(
          `  #${at + i} ${words(command)
            .map((word) => show(String(word), 60))
            .join(' ')}\n` + `      redis    ${show(want)}\n      millrace ${have ? show(have) : 'no reply'}`,
        )
      }
      if (actual.length < expected.length) break
    }
    if (differing.length > 0) {
      const more = differing.length > SHOWN_MAX ? `\n  … and ${differing.length - SHOWN_MAX} more` : ''
      const list = differing.slice(0, SHOWN_MAX).join('\n')
      expect.fail(`${differing.length} of ${commands.length} replies differ${note && ` (${note})`}:\n${list}${more}`)
    }
  }

  /** The replies of both; those of millrace may be fewer if it closed or fell silent, redis-server must answer all. */
  async #both(commands: readonly Command[]): Promise<[Buffer[], Buffer[]]> {
    const bytes = encodeAll(commands.map(words))
    this.redis.write(bytes)
    this.millrace.write(bytes)
    const expected = await this.redis.replies(commands.length)
    const actual: Buffer[] = []
    try {
      while (actual.length < commands.length) actual.push(await this.millrace.reply(5_000))
    } catch (error) {
      if (actual.length === 0) throw error
    }
    return [expected, actual]
  }

  /** Both values of one command, for replies that are equal in content and not in bytes. */
  async values(command: Command): Promise<[Reply, Reply]> {
    const [[expected], [actual]] = await this.#both([command])
    if (!expected || !actual) throw new Error('no reply')
    return [parse(expected), parse(actual)]
  }

  /** Compares array replies whose order is free. */
  async compareSets(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      const [expected, actual] = await this.values(command)
      expect(sorted(actual), words(command).join(' ')).toEqual(sorted(expected))
    }
  }
}

const sorted = (reply: Reply): Reply => (Array.isArray(reply) ? [...reply].map(String).sort() : reply)

function agree(command: Command, expected: Buffer, actual: Buffer): boolean {
  if (expected.equals(actual)) return true
  const slack = SLACK[String(words(command)[0]).toUpperCase()]
  if (slack === undefined) return false
  const [a, b] = [Number(parse(expected)), Number(parse(actual))] // NaN for an error: agrees with nothing
  return a > 0 && b > 0 && Math.abs(a - b) <= slack
}

/** What one side answers to raw bytes until it closes, or until `quiet` holds for what arrived. */
async function transcript(port: number, bytes: string | Buffer, done: (text: string) => boolean): Promise<string> {
  const wire = await Wire.open(port)
  wire.write(bytes)
  const finished = await wire.until(() => wire.closed || done(wire.bytes().toString('latin1')), 3_000)
  const text = wire.bytes().toString('latin1')
  const state = wire.closed ? '<closed>' : finished ? '<open>' : '<silent>'
  wire.destroy()
  return text + state
}

/** Raw bytes to both sides; each ends with an echo or a close, and the transcripts must be equal. */
export async function compareRaw({ redis, millrace }: Sides, cases: readonly (string | Buffer)[]): Promise<void> {
  const end = 'ECHO the-end-of-the-case\r\n'
  const done = (text: string): boolean => text.endsWith('\r\nthe-end-of-the-case\r\n')
  for (const bytes of cases) {
    const input = Buffer.concat([Buffer.from(bytes as string, 'latin1'), Buffer.from(end)])
    const [expected, actual] = await Promise.all([
      transcript(redis.port, input, done),
      transcript(millrace.port, input, done),
    ])
    expect(actual, show(bytes, 100)).toBe(expected)
  }
}

/** Goes through a whole SCAN and returns every element it gave, repeated ones too. */
export async function scanAll(on: Client, ...options: Word[]): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  do {
    const reply = await on.ask('SCAN', cursor, ...options)
    if (reply instanceof ReplyError || !Array.isArray(reply) || !Array.isArray(reply[1])) {
      throw new Error(`SCAN gave ${JSON.stringify(reply)}`)
    }
    cursor = String(reply[0])
    found.push(...reply[1].map(String))
  } while (cursor !== '0')
  return found
}
