// The echo server that a user of millrace writes: a handler in JavaScript. Usage: node echo-millrace.mjs PORT
import { listen, raw } from '../../dist/src/index.js'

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
