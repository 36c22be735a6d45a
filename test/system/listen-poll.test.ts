// The library through real sockets, with a loop that waits behind a poll handle.
import { framesSuite } from './listen-frames.ts'
import { lifeSuite } from './listen-life.ts'
import { orderSuite } from './listen-order.ts'
import { sizedSuite } from './listen-sized.ts'
import { timeoutsSuite } from './listen-timeouts.ts'

framesSuite('poll')
orderSuite('poll')
sizedSuite('poll')
lifeSuite('poll')
timeoutsSuite('poll')
