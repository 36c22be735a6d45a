// The echo server that a user of millrace writes: a handler in JavaScript. Options of the loop may stand, as JSON, in
// BENCH_LOOP. Usage: node echo-millrace.mjs PORT
import { listen, raw } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'

if (process.env.BENCH_LOOP) threadLoop(JSON.parse(process.env.BENCH_LOOP)) // the first call makes it

await listen({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  codec: raw(),
  handler: {
    frame(channel, frame) {
      channel.write(frame)
    },
  },
})
