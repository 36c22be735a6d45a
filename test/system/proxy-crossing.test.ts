// Many clients, servers that die, stall, answer late and answer wrong: every reply is the right one or an error.
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerPlainly, FakeServer } from './fake-server.ts'
import { during, NO_REDIS, PROXY_IS, type Program, poll, startProxy, startRedis, titled } from './harness.ts'
import { Random, SEED } from './random.ts'
import { Client, encode, parse, type Reply, ReplyError } from './wire.ts'

const OURS_ONLY = PROXY_IS === 'millrace' ? '' : `${PROXY_IS} stands in for the proxy`
const CLIENTS = 20

type Tally = { right: number; errors: number }

/** One client: tagged requests in pipelines, until told to stop; throws at the first reply that is not its own. */
async function talk(
  port: number,
  name: string,
  random: Random,
  value: (key: string) => string,
  stop: () => boolean,
): Promise<Tally> {
  const on = await Client.open(port)
  const tally = { right: 0, errors: 0 }
  const judge = (reply: Reply, key: string): void => {
    if (reply instanceof ReplyError) tally.errors++
    else if (reply === value(key)) tally.right++
    else throw new Error(`${name}: the reply to ${key} was ${JSON.stringify(reply)?.slice(0, 200)}`)
  }
  for (let n = 0; !stop(); ) {
    const asked = Array.from({ length: random.between(1, 16) }, () =>
      Array.from({ length: random.chance(0.3) ? random.between(2, 5) : 1 }, () => `${name}:${n++}`),
    )
    on.write(Buffer.concat(asked.map((keys) => (keys.length > 1 ? encode('MGET', ...keys) : encode('GET', ...keys)))))
    for (const keys of asked) {
      const reply = parse(await on.reply(10_000))
      if (keys.length === 1) judge(reply, keys[0] as string)
      else if (reply instanceof ReplyError) tally.errors += keys.length
      else if (!Array.isArray(reply) || reply.length !== keys.length) throw new Error(`${name}: MGET gave ${reply}`)
      else for (const [i, key] of keys.entries()) judge(reply[i] as Reply, key)
    }
  }
  on.destroy()
  return tally
}

describe.skipIf(OURS_ONLY)(titled('replies never cross', OURS_ONLY), () => {
  it(`fake servers in disorder, ${CLIENTS} clients, 7 s`, async () => {
    const random = new Random(SEED)
    const names = ['one', 'two', 'three']
    const fakes = await Promise.all(names.map((name) => during(FakeServer.start(name))))
    let chaos = true
    for (const fake of fakes) {
      fake.handle = ({ words, from }) => {
        const reply = Buffer.from(answerPlainly('value', words) as Buffer)
        if (!chaos || random.chance(0.9)) return reply
        const later = (delay: number): Promise<Buffer> => new Promise((resolve) => setTimeout(resolve, delay, reply))
        const fate = random.below(1000)
        if (fate < 940) return later(random.below(8))
        if (fate < 965) return later(250) // later than the timeout
        if (fate < 975)
          from.end(reply.subarray(0, 4)) // in mid-reply
        else if (fate < 985) from.resetAndDestroy()
        else if (fate < 990) from.end(Buffer.concat([reply, Buffer.from('?garbage\r\n')]))
        else if (fate < 995) from.end()
        return new Promise(() => undefined) // never again on this connection
      }
    }
    const proxy = await during(
      startProxy(
        fakes.map((fake) => `${fake.server}:1`),
        ['--timeout', '150'],
      ),
    )
    const end = Date.now() + 7_000
    const tallies = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) =>
        talk(
          proxy.port,
          `c${i}`,
          new Random(SEED + i),
          (key) => `value:${key}`,
          () => Date.now() > end,
        ),
      ),
    )
    const right = tallies.reduce((sum, tally) => sum + tally.right, 0)
    const errors = tallies.reduce((sum, tally) => sum + tally.errors, 0)
    expect(errors, `some requests did fail (seed ${SEED})`).toBeGreaterThan(20)
    expect(right, `most of the time it works (${errors} errors, seed ${SEED})`).toBeGreaterThan(500)
    chaos = false
    const on = await Client.open(proxy.port)
    const keys = Array.from({ length: 60 }, (_, i) => `after:${i}`)
    await poll(
      async () => {
        const replies = (await on.pipeline(keys.map((key) => ['GET', key]))).map((reply) => parse(reply))
        return replies.every((reply, i) => reply === `value:${keys[i]}`)
      },
      'all servers work again',
      10_000,
      100,
    )
    on.destroy()
  })

  it.skipIf(NO_REDIS)(titled('real servers killed and restarted, 4 s', NO_REDIS), async () => {
    const random = new Random(SEED)
    const servers = await Promise.all([startRedis(), startRedis(), startRedis()])
    onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))))
    const ports = servers.map((server) => server.port)
    const proxy = await during(
      startProxy(
        ports.map((port) => `127.0.0.1:${port}:1`),
        ['--timeout', '500'],
      ),
    )
    const end = Date.now() + 4_000
    const done = (): boolean => Date.now() > end
    // each client writes values of its own and reads them back
    const clients = Array.from({ length: 10 }, async (_, i) => {
      const on = await Client.open(proxy.port)
      const counts = { right: 0, errors: 0, lost: 0 }
      for (let n = 0; !done(); n++) {
        const keys = Array.from({ length: 10 }, (_, k) => `r${i}:${n}:${k}`)
        const pad = 'x'.repeat((n * 977) % 40_000)
        on.write(Buffer.concat(keys.flatMap((key) => [encode('SET', key, key + pad), encode('GET', key)])))
        for (const key of keys) {
          const [set, get] = [parse(await on.reply()), parse(await on.reply())]
          if (!(set instanceof ReplyError) && set !== 'OK') throw new Error(`SET ${key} gave ${set}`)
          if (get instanceof ReplyError) counts.errors++
          else if (get === null)
            counts.lost++ // the server was restarted between the two
          else if (get !== key + pad) throw new Error(`GET ${key} gave ${String(get).slice(0, 100)}`)
          else counts.right++
        }
      }
      on.destroy()
      return counts
    })
    const chaos = (async (): Promise<void> => {
      while (!done()) {
        const which = random.below(servers.length)
        await (servers[which] as Program).kill()
        await new Promise((resolve) => setTimeout(resolve, random.below(150)))
        servers[which] = await startRedis([], ports[which])
        await new Promise((resolve) => setTimeout(resolve, random.below(250)))
      }
    })()
    const results = await Promise.all(clients)
    await chaos
    const right = results.reduce((sum, counts) => sum + counts.right, 0)
    expect(right, `seed ${SEED}`).toBeGreaterThan(500)
  })
})
