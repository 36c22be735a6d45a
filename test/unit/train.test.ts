// Files in a channel's queue, in the core alone: the calls that slices become, and what becomes of their results.
import { beforeEach, describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { ERROR_FILE_TRUNCATED } from '../../assembly/codec/abi.ts'
import { TestCore } from './core-test.ts'

const [SLOT, GENERATION, SOCKET] = [0, 1, 7]
const SLICE = 256 * 1024
const { CALL_LINK, CALL_MORE, CALL_CLOSE, CALL_SEND, CALL_SENDFILE, CALL_RESIDENT, CALL_PREAD, CALL_SENDMSG } = abi
const NAMES: Readonly<Record<number, string>> = {
  [CALL_CLOSE]: 'close',
  [CALL_SEND]: 'send',
  [CALL_SENDMSG]: 'sendmsg',
  [CALL_SENDFILE]: 'sendfile',
  [CALL_RESIDENT]: 'resident',
  [CALL_PREAD]: 'pread',
  [abi.CALL_SPLICE]: 'splice',
  [abi.CALL_PIPE]: 'pipe',
}

interface Call {
  readonly what: string
  readonly fd: number
  readonly a: number
  readonly b: number
  readonly c: number
}

let core: TestCore
let control: number
let calls: number

const u32 = (at: number): number => new DataView(core.bytes.buffer).getUint32(at, true)
const setU32 = (at: number, value: number): void => new DataView(core.bytes.buffer).setUint32(at, value, true)

/** The calls that the core has queued for the next enter. */
function queued(): Call[] {
  const view = new DataView(core.bytes.buffer)
  return Array.from({ length: u32(control + abi.CONTROL_CALL_COUNT) }, (_, i) => {
    const at = calls + i * abi.CALL_BYTES
    const op = view.getUint32(at + abi.CALL_OP, true)
    const flags = (op & CALL_LINK ? '+' : '') + (op & CALL_MORE ? '~' : '')
    return {
      what: `${flags}${NAMES[op & abi.CALL_OP_MASK] ?? op}`,
      fd: view.getInt32(at + abi.CALL_FD, true),
      a: view.getUint32(at + abi.CALL_A, true),
      b: view.getUint32(at + abi.CALL_B, true),
      c: Number(view.getBigInt64(at + abi.CALL_C, true)),
    }
  })
}

/** One enter in which the calls have these results, and the turn behind it → the calls it asks for. */
function turn(...results: readonly number[]): string[] {
  expect(queued()).toHaveLength(results.length)
  const view = new DataView(core.bytes.buffer)
  for (const [i, result] of results.entries()) {
    view.setInt32(calls + i * abi.CALL_BYTES + abi.CALL_RESULT, result, true)
  }
  setU32(control + abi.CONTROL_CALLS_DONE, results.length)
  setU32(control + abi.CONTROL_CALL_COUNT, 0)
  // the kernel takes every SQE
  setU32(u32(control + abi.CONTROL_SQ_HEAD), u32(u32(control + abi.CONTROL_SQ_TAIL)))
  core.call('run')
  return queued().map(({ what }) => what)
}

function write(text: string): number {
  return core.call('write', SLOT, GENERATION, core.put(Buffer.from(text)), text.length)
}

function sendFile(length: number, { fd = 40, how = abi.TRANSFER_SENDFILE, offset = 0, key = 5 } = {}): number {
  return core.call('sendFile', SLOT, GENERATION, fd, offset, length, how | abi.TRANSFER_OWNED, key, 0)
}

/** Upcalls since the last time, as [kind, at, length]. */
function told(): [number, number, number][] {
  const at = core.global('upcalls')
  const list = Array.from({ length: core.call('upcallCount') }, (_, i): [number, number, number] => {
    const u = at + i * abi.UPCALL_BYTES
    return [u32(u), u32(u + abi.UPCALL_AT), u32(u + abi.UPCALL_LENGTH)]
  })
  core.call('upcallsDone')
  return list
}

/** What the last SQE in the ring is. */
function lastSqe(): { op: number; data: bigint } {
  const tail = u32(u32(control + abi.CONTROL_SQ_TAIL))
  const at = u32(control + abi.CONTROL_SQES) + ((tail - 1) % 64) * abi.SQE_BYTES
  const view = new DataView(core.bytes.buffer)
  return { op: view.getUint8(at), data: view.getBigUint64(at + abi.SQE_USER_DATA, true) }
}

/** A completion of what the last SQE asked for. */
function complete(result: number): string[] {
  const { data } = lastSqe()
  const tailAt = u32(control + abi.CONTROL_CQ_TAIL)
  const at = u32(control + abi.CONTROL_CQES) + (u32(tailAt) % 128) * abi.CQE_BYTES
  const view = new DataView(core.bytes.buffer)
  view.setBigUint64(at, data, true)
  view.setInt32(at + abi.CQE_RES, result, true)
  view.setUint32(at + abi.CQE_FLAGS, 0, true)
  setU32(tailAt, u32(tailAt) + 1)
  return turn(...queued().map(() => 0))
}

beforeEach(() => {
  core = new TestCore()
  core.call('testLoop')
  control = core.global('control')
  calls = u32(control + abi.CONTROL_CALLS)
})

describe('a train', () => {
  test('header, look and file are one chain; a hot file is not looked at twice; the trailer follows', () => {
    write('header')
    expect(sendFile(SLICE * 2 + 10)).toBe(1)
    write('trailer')
    expect(turn()).toEqual(['~send', '+resident', '+sendfile'])
    const [, look, slice] = queued()
    expect(look).toMatchObject({ fd: 40, a: SLICE, b: SLICE * 2 + 10, c: 0 })
    expect(slice).toMatchObject({ fd: SOCKET, a: 40, b: SLICE, c: 0 })
    expect(turn(6, SLICE * 2 + 10, SLICE)).toEqual(['sendfile'])
    expect(turn(SLICE)).toEqual(['sendfile'])
    expect(queued()[0]).toMatchObject({ b: 10, c: SLICE * 2 })
    expect(turn(10)).toEqual(['close', 'send'])
    expect(told()).toEqual([[abi.UP_SENT, SLICE * 2 + 10, 0]])
    expect(queued()[0]).toMatchObject({ fd: 40 })
    expect(turn(0, 7)).toEqual([])
    expect(core.call('queued', SLOT, GENERATION)).toBe(0)
  })

  test('a header that falls short is not overtaken: the socket is polled, and the rest goes first', () => {
    write('header')
    sendFile(100)
    turn()
    expect(turn(4, -abi.ECANCELED, -abi.ECANCELED)).toEqual([])
    expect(lastSqe().op).toBe(abi.OP_POLL_ADD)
    expect(complete(abi.POLLOUT)).toEqual(['~send', '+resident', '+sendfile'])
    expect(queued()[0]).toMatchObject({ b: 2 })
    expect(turn(2, 100, 60)).toEqual([]) // the socket is full
    expect(lastSqe().op).toBe(abi.OP_POLL_ADD)
    expect(complete(abi.POLLOUT)).toEqual(['sendfile'])
    expect(queued()[0]).toMatchObject({ b: 40, c: 60 })
    expect(turn(40)).toEqual(['close'])
    expect(told()).toEqual([[abi.UP_SENT, 100, 0]])
  })

  test('a cold slice is tried again by a timer, and not before', () => {
    sendFile(1000)
    expect(turn()).toEqual(['resident', '+sendfile'])
    expect(turn(0, -abi.ECANCELED)).toEqual([])
    expect(turn()).toEqual([])
    expect(u32(control + abi.CONTROL_WAIT_MIN)).toBe(1) // the loop sleeps meanwhile
    pass(1)
    expect(turn()).toEqual(['resident', '+sendfile'])
    expect(turn(1000, 1000)).toEqual(['close'])
    expect(told()).toEqual([[abi.UP_SENT, 1000, 0]])
    expect(u32(control + abi.CONTROL_FILE_COLD)).toBe(1)
    expect(u32(control + abi.CONTROL_FILE_FORCED)).toBe(0)
  })

  test('a file that never becomes resident is sent at last, and is not looked at any more', () => {
    sendFile(SLICE * 3)
    turn()
    let tries = 0
    while (queued().length === 2 && tries < 100) {
      tries++
      if (turn(0, -abi.ECANCELED).length > 0) break
      pass(40)
      turn()
    }
    expect(tries).toBe(33)
    expect(queued().map(({ what }) => what)).toEqual(['sendfile'])
    expect(turn(SLICE)).toEqual(['sendfile'])
    expect(u32(control + abi.CONTROL_FILE_FORCED)).toBe(1)
  })

  test('bytes that are missing end the channel, and close every file that waits', () => {
    sendFile(1000, { fd: 40 })
    sendFile(1000, { fd: 41 })
    write('never')
    turn()
    expect(turn(1000, 600)).toEqual([])
    expect(complete(abi.POLLOUT)).toEqual(['sendfile'])
    turn(0)
    expect(told()).toEqual([
      [abi.UP_SENT, 600, ERROR_FILE_TRUNCATED],
      [abi.UP_CLOSE, 0, 0],
    ])
    expect(queued().map(({ what, fd }) => [what, fd])).toEqual([
      ['close', 40],
      ['close', 41],
      ['close', SOCKET],
    ])
    expect(core.call('skbLive')).toBe(0)
  })

  test('read: a small file goes in one send with what stands before it', () => {
    write('header')
    sendFile(100, { how: abi.TRANSFER_AUTO })
    expect(turn()).toEqual(['pread', '+sendmsg'])
    expect(queued()[1]).toMatchObject({ b: 2, c: 106 })
    expect(turn(100, 106)).toEqual(['close'])
    expect(told()).toEqual([[abi.UP_SENT, 100, 0]])
    expect(core.call('skbLive')).toBe(0)
  })

  test('splice: what the socket did not take stays in the pipe, and goes first', () => {
    sendFile(100_000, { how: abi.TRANSFER_SPLICE })
    expect(turn()).toEqual(['pipe'])
    expect(turn(65_536)).toEqual(['resident', '+splice', '+~splice'])
    expect(turn(100_000, 65_536, 30_000)).toEqual([])
    expect(complete(abi.POLLOUT)).toEqual(['~splice'])
    expect(queued()[0]).toMatchObject({ fd: SOCKET, b: 35_536, c: -1 })
    expect(turn(35_536)).toEqual(['splice', '+splice'])
    expect(turn(34_464, 34_464)).toEqual(['close', 'close', 'close'])
    expect(told()).toEqual([[abi.UP_SENT, 100_000, 0]])
  })

  test('places and lengths beyond 32 bits', () => {
    const [offset, length] = [5 * 2 ** 30 + 17, 6 * 2 ** 30]
    sendFile(length, { offset })
    turn()
    let sent = 0
    for (let i = 0; i < 20; i++) {
      const list = queued()
      const slice = list.at(-1) as Call
      expect(slice.c).toBe(offset + sent)
      sent += slice.b
      turn(...list.map(({ b }) => b))
    }
    expect(sent).toBeGreaterThan(4 * 2 ** 20)
    core.call('destroy', SLOT, GENERATION)
    turn(...queued().map(({ b }) => b))
    expect(told().at(-1)?.[0]).toBe(abi.UP_CLOSE)
  })

  test('64 files wait, and no more', () => {
    const results = Array.from({ length: 66 }, () => sendFile(0))
    expect(results.slice(0, 18)).toEqual([...Array(16).fill(1), 0, 0])
    expect(results.slice(64)).toEqual([-abi.ENOBUFS, -abi.ENOBUFS])
    expect(turn()).toEqual(Array(64).fill('close'))
    const kinds = told().map(([kind]) => kind)
    expect(kinds.filter((kind) => kind === abi.UP_SENT)).toHaveLength(64)
    expect(kinds).toContain(abi.UP_WRITABLE)
  })
})

/** The clock that the kernel shows goes on. */
function pass(ms: number): void {
  const view = new DataView(core.bytes.buffer)
  const at = control + abi.CONTROL_MONOTONIC_NS
  view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(ms) * 1_000_000n, true)
}
