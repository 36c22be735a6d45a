// The echo server that a user of millrace writes: a handler in JavaScript. For comparisons of what `listen` leaves to
// the loop, options of the loop may stand, as JSON, in BENCH_LOOP. Usage: node echo-millrace.mjs PORT
import { SERVICE_HOST } from '../../dist/assembly/abi.js'
import { listen, raw } from '../../dist/src/index.js'
import { Loop } from '../../dist/src/loop/loop.js'
import { HandlerBridge, writeCodec } from '../../dist/src/reactor/listen.js'
import { Listener } from '../../dist/src/reactor/listener.js'

const at = { host: '127.0.0.1', port: Number(process.argv[2]) }
const handler = {
  frame(channel, frame) {
    channel.write(frame)
  },
}

if (!process.env.BENCH_LOOP) {
  await listen({ ...at, codec: raw(), handler })
} else {
  const loop = new Loop(JSON.parse(process.env.BENCH_LOOP))
  const bridge = new HandlerBridge(loop, handler, raw())
  const endpoint = { service: SERVICE_HOST, high: 65536, low: 32768, limit: 65000, handler: bridge }
  await Listener.open(loop, at, endpoint, (record) => writeCodec(loop, record, raw()))
}
