// The echo server that a Bun user writes today, to measure against. Usage: bun echo-bun.mjs PORT
const rests = new Map() // what a peer did not take yet, by socket

function send(socket, bytes) {
  const sent = Math.max(0, socket.write(bytes))
  if (sent < bytes.length) {
    rests.set(socket, Buffer.from(bytes.subarray(sent)))
    socket.pause()
  }
}

globalThis.Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2]),
  socket: {
    data(socket, chunk) {
      const rest = rests.get(socket)
      if (rest === undefined) send(socket, chunk)
      else rests.set(socket, Buffer.concat([rest, chunk]))
    },
    drain(socket) {
      const rest = rests.get(socket)
      if (rest === undefined) return
      rests.delete(socket)
      socket.resume()
      send(socket, rest)
    },
    close(socket) {
      rests.delete(socket)
    },
    error(socket) {
      socket.end()
    },
  },
})
