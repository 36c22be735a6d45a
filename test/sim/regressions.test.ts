// What simulations have found: each mended fault leaves a test named after it.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { titled } from '../system/harness.ts'
import { kv } from './kv.ts'
import { World } from './world.ts'

const sim = new URL('../../build/sim.wasm', import.meta.url)
const NO_SIM = existsSync(sim) ? '' : 'build/sim.wasm is missing: make sim.wasm'

test.skipIf(NO_SIM)(
  titled('half a command of a client that leaves is freed, though no upcall comes after it', NO_SIM),
  async () => {
    const world = new World({ seed: 8, turns: 0, faults: {} })
    const play = await kv.start(world)
    for (let i = 0; i < 20; i++) {
      const peer = world.kernel.connect(6379)
      expect(peer).toBeGreaterThanOrEqual(0)
      for (let turn = 0; turn < 20; turn++) await world.step(1_000_000)
      expect(world.kernel.send(peer, Buffer.from('*2\r\n$3\r\nGET\r\n$900\r\nabc'))).toBeGreaterThan(0)
      for (let turn = 0; turn < 20; turn++) await world.step(1_000_000)
      expect(world.loop.stats().skbs).toBe(1)
      world.kernel.closePeer(peer)
      for (let turn = 0; turn < 20; turn++) await world.step(1_000_000)
      expect(world.loop.stats().skbs).toBe(0)
    }
    await play.finish()
    world.loop.close()
  },
)
