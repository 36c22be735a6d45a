// HTTP/1.1 until a client asks for Upgrade: frames, then messages behind a four-byte length, answered in upper case.
// Usage: node examples/upgrade.mjs [PORT], then curl http://127.0.0.1:PORT/
import { http1, lengthField, listen } from 'millrace'

const frames = lengthField({ maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 })
const upper = {
  frame(channel, frame) {
    channel.write(frame.toString().toUpperCase())
  },
}

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  codec: http1(),
  upgradable: true,
  handler: {
    frame(channel, { message }) {
      if (message.type !== 'head') return
      if (!message.upgrade) {
        channel.write('HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nask for an upgrade')
        return
      }
      channel.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: frames\r\n\r\n')
      channel.upgrade({ codec: frames, handler: upper })
    },
  },
})
console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close())
