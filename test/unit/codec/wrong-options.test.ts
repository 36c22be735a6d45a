// Rule 4 of the decoders: wrong parameters throw at construction, naming the parameter, and never at the first byte.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Name } from '../../twins/index.ts'
import { BUILDS, type Open, openBuild } from './builds.ts'

const field = { maxFrameLength: 64, lengthFieldLength: 2 }
const http = { maxHeadBytes: 16384 }

const WRONG: readonly (readonly [name: Name, parameter: string, options: object])[] = [
  ['line', 'maxLength', {}],
  ['line', 'maxLength', { maxLength: -1 }],
  ['line', 'maxLength', { maxLength: 1.5 }],
  ['line', 'maxLength', { maxLength: Number.NaN }],
  ['line', 'maxLength', { maxLength: 2 ** 40 }],
  ['delimiter', 'delimiters', { delimiters: [], maxFrameLength: 8 }],
  ['delimiter', 'delimiters', { delimiters: ['a', ''], maxFrameLength: 8 }],
  ['delimiter', 'delimiters', { delimiters: ['a'.repeat(65)], maxFrameLength: 8 }],
  ['delimiter', 'maxFrameLength', { delimiters: ['a'], maxFrameLength: -1 }],
  ['fixed', 'frameLength', { frameLength: 0 }],
  ['fixed', 'frameLength', { frameLength: -3 }],
  ['fixed', 'frameLength', { frameLength: 2.5 }],
  ['length-field', 'lengthFieldLength', { ...field, lengthFieldLength: 5 }],
  ['length-field', 'lengthFieldLength', { ...field, lengthFieldLength: 0 }],
  ['length-field', 'lengthFieldOffset', { ...field, lengthFieldOffset: -1 }],
  ['length-field', 'lengthAdjustment', { ...field, lengthAdjustment: 0.5 }],
  ['length-field', 'initialBytesToStrip', { ...field, initialBytesToStrip: -1 }],
  ['length-field', 'maxFrameLength', { ...field, maxFrameLength: -1 }],
  ['length-field', 'byteOrder', { ...field, byteOrder: 'ME' }],
  ['varint32', 'maxFrameLength', { maxFrameLength: -1 }],
  ['resp-requests', 'maxBulkLength', { maxBulkLength: -1 }],
  ['resp-requests', 'maxElements', { maxElements: -1 }],
  ['resp-requests', 'maxInline', { maxInline: -1 }],
  ['resp-replies', 'maxDepth', { maxDepth: -1 }],
  ['resp-replies', 'version', { version: 4 }],
  ['resp-replies', 'messages', { messages: 'both' }],
  ['memcached', 'maxKeyLength', { maxKeyLength: -1 }],
  ['memcached', 'maxItemSize', { maxItemSize: -1 }],
  ['memcached', 'maxLine', { maxLine: -1 }],
  ['http1-requests', 'messages', { ...http, messages: 'both' }],
  ['http1-requests', 'maxHeadBytes', { maxHeadBytes: -1 }],
  ['http1-requests', 'maxTargetBytes', { ...http, maxTargetBytes: -1 }],
  ['http1-requests', 'maxHeaders', { ...http, maxHeaders: -1 }],
]

describe.each(BUILDS)('%s', (build) => {
  let open: Open
  beforeAll(async () => {
    open = await openBuild(build)
  })

  test.each(WRONG)('%s: %s, %j', (name, parameter, options) => {
    let thrown: unknown
    try {
      open(name, options)
    } catch (reason) {
      thrown = reason
    }
    expect(thrown).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining(parameter) })
  })
})
