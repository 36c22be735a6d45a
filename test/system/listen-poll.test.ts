// The library through real sockets, with a loop that waits behind a poll handle.
import { framesSuite } from './listen-frames.ts'
import { lifeSuite } from './listen-life.ts'

framesSuite('poll')
lifeSuite('poll')
