// The library through real sockets, with a loop that waits in libuv's prepare phase.
import { framesSuite } from './listen-frames.ts'
import { lifeSuite } from './listen-life.ts'

framesSuite('prepare')
lifeSuite('prepare')
