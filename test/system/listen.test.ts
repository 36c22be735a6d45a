// The library through real sockets, with a loop that waits in libuv's prepare phase.
import { framesSuite } from './listen-frames.ts'
import { lifeSuite } from './listen-life.ts'
import { orderSuite } from './listen-order.ts'
import { sizedSuite } from './listen-sized.ts'
import { timeoutsSuite } from './listen-timeouts.ts'

framesSuite('prepare')
orderSuite('prepare')
sizedSuite('prepare')
lifeSuite('prepare')
timeoutsSuite('prepare')
