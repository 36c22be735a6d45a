// The echo server that a Node user writes today, to measure against. Usage: node echo-net.mjs PORT
import net from 'node:net'

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('data', (chunk) => {
    if (socket.write(chunk)) return
    socket.pause()
    socket.once('drain', () => socket.resume())
  })
  socket.on('error', () => socket.destroy())
})
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 })
