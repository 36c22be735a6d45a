// A file server as a user of millrace writes it: each line is a request, answered with the whole file behind its
// length, 8 bytes big-endian. Usage: node file-millrace.mjs PORT FILE STRATEGY
import { statSync } from 'node:fs'
import { listen, raw } from '../../dist/src/index.js'

const [port, file, strategy = 'auto'] = process.argv.slice(2)
const head = Buffer.alloc(8)
head.writeBigUInt64BE(statSync(file, { bigint: true }).size)

// With line() a newline would be added to what is written, so requests are found by hand.
await listen({
  port: Number(port),
  host: '127.0.0.1',
  codec: raw(),
  handler: {
    frame(channel, frame) {
      const { bytes } = frame
      for (let i = 0; i < bytes.length; i++) {
        if (bytes[i] !== 10) continue
        channel.write(head)
        channel.sendFile(file, { strategy }).catch((error) => {
          console.error(error.message)
          channel.destroy()
        })
      }
    },
  },
})
