// A UDP echo: what a datagram brings goes back to whom it came from. `node examples/udp-echo.mjs [PORT]`
import { bind } from 'millrace'

const socket = await bind({
  port: Number(process.argv[2] ?? 7007),
  handler: {
    message(_, message) {
      message.reply(message)
    },
    error(_, error) {
      console.error(error.message)
    },
  },
})

const { address, port } = socket.address()
console.log(`listening on ${address}:${port}`)
process.once('SIGINT', async () => {
  await socket.close()
  const { received, sent, dropped } = socket.stats()
  console.log(`${received} received, ${sent} sent, ${dropped} dropped`)
})
