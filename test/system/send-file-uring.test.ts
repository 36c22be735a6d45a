// sendFile on io_uring.
import { describe, test } from 'vitest'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { titled } from './harness.ts'
import { bytesSuite } from './send-file-bytes.ts'
import { changesSuite } from './send-file-changes.ts'

/** Why there is no such kernel here; empty where there is. */
function lacking(): string {
  process.env.MILLRACE_KERNEL = 'uring'
  process.env.MILLRACE_WAIT = 'prepare'
  try {
    threadLoop()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

const reason = lacking()
if (reason === '') {
  bytesSuite()
  changesSuite()
} else describe.skip(titled('sendFile on io_uring', reason), () => test('everything', () => undefined))
