// Messages behind a four-byte length, answered in upper case. Usage: node examples/length-field.mjs [PORT]
import { lengthField, listen } from 'millrace'

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  codec: lengthField({ maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 }),
  handler: {
    // a frame's bytes are valid during the call; write() puts the length in front again
    frame(channel, frame) {
      channel.write(frame.toString().toUpperCase())
    },
    error(channel, error) {
      console.error(error.message)
      channel.destroy()
    },
  },
})
console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close())
