// This thread accepts, and hands connections to whichever of two others has the fewest.
// Usage: node examples/reactors/boss.mjs [PORT]
import { listen } from 'millrace'

const server = await listen({
  port: Number(process.argv[2] ?? 7000),
  handler: new URL('./upper.mjs', import.meta.url),
  reactor: { model: 'boss', threads: 2, balance: 'least-connections' },
  restart: true,
  workerExit: ({ thread, error }) => console.error(`thread ${thread} has ended: ${error?.message}`),
})
console.log(`listening on 127.0.0.1:${server.address().port}`)
process.once('SIGINT', () => server.close({ drain: 1000 }))
