// A simulated network in any host: the core's echo service, a client, and faults by chance. Same seed, same run, in a
// page as in Node. By hand: node examples/hosts/echo-simulation.mjs [SEED]
import { SERVICE_ECHO, SimCore } from 'millrace/sim'

const PORT = 7
const EAGAIN = -11

/** Sends `count` bytes through the echo service and back; → what happened. */
export function echoOnce({ runtime, sim, seed = 1n, count = 50_000, faults = {} }) {
  const world = new SimCore({ runtime, sim, seed })
  const { kernel } = world
  world.listen(SERVICE_ECHO, PORT)
  for (const [name, probability] of Object.entries(faults)) kernel.fault(name, probability)
  world.turn()
  const began = world.nowNs
  const client = kernel.connect(PORT)
  const stream = Uint8Array.from({ length: count }, (_, i) => (i * 31 + (i >> 8)) & 255)
  const pieces = []
  let sent = 0
  let received = 0
  let turns = 0
  for (; received < count; turns++) {
    if (turns === 100_000) throw new Error(`only ${received} of ${count} bytes came back`)
    const taken = kernel.send(client, stream.subarray(sent, sent + 1000))
    if (taken < 0 && taken !== EAGAIN) throw new Error(`the client's send answers ${taken}`)
    sent += Math.max(0, taken)
    world.turn(1_000_000)
    const came = kernel.receive(client)
    if (typeof came === 'number') {
      if (came !== EAGAIN) throw new Error(`the client's receive answers ${came}`)
      continue
    }
    if (came.some((byte, i) => byte !== stream[received + i])) throw new Error(`wrong bytes behind ${received}`)
    pieces.push(came.length)
    received += came.length
  }
  const us = Number(world.nowNs - began) / 1000
  const digest = kernel.digest().toString(16).padStart(16, '0')
  return { received, turns, pieces: pieces.length, us, digest }
}

/** One line about a run. */
export function say({ received, turns, pieces, us, digest }) {
  const took = `${turns} turns and ${us.toFixed(0)} µs of virtual time`
  return `${received} bytes came back in ${pieces} pieces, ${took}: ${digest}`
}

if (globalThis.process?.argv[1]?.endsWith('echo-simulation.mjs')) {
  const { readFile } = await import('node:fs/promises')
  const load = async (name) => WebAssembly.compile(await readFile(new URL(import.meta.resolve(`millrace/${name}`))))
  const [runtime, sim] = await Promise.all([load('runtime.wasm'), load('sim.wasm')])
  const seed = BigInt(process.argv[2] ?? 1)
  const faults = { shortRead: 0.2, delay: 0.1, nobufs: 0.05, multishotEnd: 0.05 }
  console.log(say(echoOnce({ runtime, sim, seed, faults })))
}
