// Servers of several threads, on io_uring.
import { describe } from 'vitest'
import type { Reactor } from '../../dist/src/index.js'
import { Loop } from '../../dist/src/loop/loop.js'
import { titled } from './harness.ts'
import { deathSuite, threadsSuite } from './reactor-threads.ts'

const reuseport: Reactor = { model: 'reuseport', threads: 2 }
const boss: Reactor = { model: 'boss', threads: 2 }
const pool: Reactor = { model: 'pool', threads: 2 }

/** Why there is no such loop here, or ''. */
const NO_URING = ((): string => {
  try {
    new Loop({ kernel: 'uring' }).close()
    return ''
  } catch (error) {
    return `no io_uring: ${(error as Error).message}`
  }
})()

describe.skipIf(NO_URING)(titled('several threads', NO_URING), () => {
  threadsSuite('SO_REUSEPORT', reuseport, 'uring')
  threadsSuite('boss', boss, 'uring')
  threadsSuite('pool', pool, 'uring')
  deathSuite('SO_REUSEPORT', reuseport, 'uring')
  deathSuite('boss', boss, 'uring')
  deathSuite('pool', pool, 'uring')
})
