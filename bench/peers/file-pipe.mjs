// The file server that a Node user writes, to measure against: a read stream piped into the socket. A request is one
// line; the answer is the file's length, 8 bytes big-endian, and the file. Usage: node file-pipe.mjs PORT FILE
import { createReadStream, promises } from 'node:fs'
import net from 'node:net'

const LINE_FEED = 10
const [port, path] = process.argv.slice(2)

async function answer(socket) {
  const { size } = await promises.stat(path)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(size))
  socket.write(length)
  const file = createReadStream(path)
  socket.file = file
  await new Promise((resolve, reject) => file.once('end', resolve).once('error', reject).pipe(socket, { end: false }))
}

const server = net.createServer({ noDelay: true }, (socket) => {
  let answered = Promise.resolve()
  socket.on('data', (chunk) => {
    for (const byte of chunk) {
      if (byte === LINE_FEED) answered = answered.then(() => answer(socket)).catch(() => socket.destroy())
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => socket.file?.destroy())
})
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
