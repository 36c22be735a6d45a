// This thread serves the sockets, and two others run the handler: for work that takes long.
// Usage: node examples/reactors/pool.mjs [PORT]
import { listen } from 'millrace'

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  handler: new URL('./upper.mjs', import.meta.url),
  reactor: { model: 'pool', threads: 2 },
  restart: true,
  workerExit: ({ thread, error }) => console.error(`thread ${thread} has ended: ${error?.message}`),
})
console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close({ drain: 1000 }))
