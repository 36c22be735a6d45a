// As a Node user writes it: length-prefixed echo with a good framer and corked writes, or lines through split2. Usage:
// node framed-net.mjs PORT echo|lines
import net from 'node:net'
import split2 from 'split2'
import { framed, framer } from './framer.mjs'

const [port, what] = process.argv.slice(2)
let lines = 0

function echo(socket) {
  const push = framer((payload) => socket.write(framed(payload)))
  socket.on('data', (chunk) => {
    socket.cork()
    push(chunk)
    socket.uncork()
    if (!socket.writableNeedDrain) return
    socket.pause()
    socket.once('drain', () => socket.resume())
  })
}

function count(socket) {
  socket.pipe(split2()).on('data', (line) => {
    if (line.length > 0) lines++
  })
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (what === 'lines') count(socket)
  else echo(socket)
})
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
process.once('SIGUSR2', () => console.error(lines))
