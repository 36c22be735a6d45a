// A service with two fronts: HTTP by node:http on PORT, and an echo for machines on PORT + 1, by millrace or node:net.
// Usage: node embedded.mjs PORT millrace|net
import http from 'node:http'
import net from 'node:net'
import { listen } from '../../dist/src/index.js'

const port = Number(process.argv[2])
const host = '127.0.0.1'
const at = { port: port + 1, host, backlog: 4096 }

if (process.argv[3] === 'millrace') {
  await listen({
    ...at,
    handler: {
      frame(channel, frame) {
        channel.write(frame)
      },
    },
  })
} else {
  net.createServer({ noDelay: true }, (socket) => socket.on('error', () => socket.destroy()).pipe(socket)).listen(at)
}
http.createServer((_, response) => response.end('hello')).listen(port, host)
