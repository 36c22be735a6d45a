// As a Bun user writes it: length-prefixed echo with the framer that node:net has. Usage: bun framed-bun.mjs PORT
import { framed, framer } from './framer.mjs'

function send(socket) {
  const { data } = socket
  const bytes = data.out.length === 1 ? data.out[0] : Buffer.concat(data.out)
  const sent = Math.max(0, socket.write(bytes))
  data.out = sent < bytes.length ? [Buffer.from(bytes.subarray(sent))] : []
  if (data.out.length > 0) socket.pause()
}

globalThis.Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  socket: {
    open(socket) {
      const data = { out: [], push: framer((payload) => data.out.push(framed(payload))) }
      socket.data = data
    },
    data(socket, chunk) {
      const waits = socket.data.out.length > 0
      socket.data.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
      if (!waits && socket.data.out.length > 0) send(socket)
    },
    drain(socket) {
      if (socket.data.out.length === 0) return
      socket.resume()
      send(socket)
    },
    error(socket) {
      socket.end()
    },
  },
})
