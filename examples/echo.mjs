// An echo server: what comes in goes out. Usage: node examples/echo.mjs [PORT], then nc 127.0.0.1 PORT
import { listen, raw } from 'millrace'

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  codec: raw(),
  handler: {
    frame(channel, frame) {
      channel.write(frame)
    },
  },
})
console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close())
