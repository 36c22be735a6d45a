// What a worker of a tool imports: a proxy, on the port that all of them share.
import { startProxy } from './proxy.ts'

const [, , ...argv] = process.argv
await startProxy(argv)
