// Frames through a handler in JavaScript: `echo` sends length-prefixed messages back, `lines` counts lines. Usage: node
// framed-millrace.mjs PORT echo|lines
import { lengthField, line, listen } from '../../dist/src/index.js'

const [port, what] = process.argv.slice(2)
const at = { host: '127.0.0.1', port: Number(port) }
let lines = 0

if (what === 'lines') {
  await listen({
    ...at,
    codec: line({ maxLength: 8192 }),
    handler: {
      frame(_, frame) {
        if (frame.length > 0) lines++
      },
    },
  })
} else {
  await listen({
    ...at,
    codec: lengthField({ maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 }),
    handler: {
      frame(channel, frame) {
        channel.write(frame)
      },
    },
  })
}
process.once('SIGUSR2', () => console.error(lines))
