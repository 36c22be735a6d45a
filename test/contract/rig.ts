// One loop of a kernel in a small linear memory, driven by hand: what the core does, in the fewest words for a test.
import * as abi from '../../assembly/abi.ts'
import { check, errorName } from '../../src/kernel/errors.ts'
import { native } from '../../src/kernel/native.ts'
import { type Machine, machine } from './machine.ts'
import type { Call, Cqe, Sqe } from './records.ts'

const PAGE = 4096
const MEMORY_PAGES = 256 // of 64 KiB
const SCRATCH_BYTES = 4 << 20
const CALLS = 64
const SO_SNDBUF = 7
const SO_RCVBUF = 8

export interface RigOptions {
  readonly sqEntries?: number
  readonly cqEntries?: number
  readonly buffers?: number
  readonly bufferBytes?: number
  readonly shared?: boolean // the memory, as in the runtime
  /** The BUFFERS_* wished for. */
  readonly mode?: number
}

export type { Call, Cqe, Sqe } from './records.ts'

export type MakeRig = (options?: RigOptions) => Rig

const align = (offset: number): number => Math.ceil(offset / PAGE) * PAGE

export class Rig {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly base: bigint
  readonly loop: number
  readonly buffers: number
  readonly bufferBytes: number
  private readonly at: { readonly calls: number; readonly ring: number; readonly buffers: number }
  private scratch: number
  private readonly scratchStart: number
  private nextId = 1
  private readonly fds = new Set<number>()
  readonly machine: () => Machine = () => machine

  constructor(kernel: number, options: RigOptions = {}) {
    const { sqEntries = 64, cqEntries = 256, buffers = 8, bufferBytes = 1024, shared = true } = options
    const { mode = abi.BUFFERS_PLAIN } = options
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared })
    this.bytes = new Uint8Array(memory.buffer)
    this.view = new DataView(memory.buffer)
    this.buffers = buffers
    this.bufferBytes = bufferBytes
    const rings = abi.CONTROL_BYTES
    const ringsBytes = abi.RINGS_BYTES_FIXED + cqEntries * abi.CQE_BYTES
    const sqes = align(rings + ringsBytes)
    const ring = align(sqes + sqEntries * abi.SQE_BYTES)
    const calls = align(ring + buffers * abi.BUF_BYTES)
    this.scratchStart = align(calls + CALLS * abi.CALL_BYTES)
    this.scratch = this.scratchStart
    this.at = { calls, ring, buffers: this.scratchStart + SCRATCH_BYTES }
    const fields: readonly [number, number][] = [
      [abi.CONTROL_ABI, abi.ABI_VERSION],
      [abi.CONTROL_RINGS, rings],
      [abi.CONTROL_RINGS_BYTES, ringsBytes],
      [abi.CONTROL_SQES, sqes],
      [abi.CONTROL_SQ_ENTRIES, sqEntries],
      [abi.CONTROL_CQ_ENTRIES, cqEntries],
      [abi.CONTROL_BUFFER_RING, ring],
      [abi.CONTROL_BUFFER_ENTRIES, buffers],
      [abi.CONTROL_CALLS, calls],
      [abi.CONTROL_CALL_ENTRIES, CALLS],
      [abi.CONTROL_BUFFER_MODE, mode],
    ]
    for (const [offset, value] of fields) this.view.setUint32(offset, value, true)
    this.view.setBigUint64(abi.CONTROL_MEMORY_BYTES, BigInt(this.bytes.length), true)
    this.loop = check(native().setup(this.bytes, 0, kernel), 'setup')
    this.base = this.view.getBigUint64(abi.CONTROL_BASE, true)
  }

  u32(offset: number): number {
    return this.view.getUint32(offset, true)
  }

  private set32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true)
  }

  /** Ends the loop and every descriptor the rig made. */
  close(): void {
    for (const fd of this.fds) this.call({ op: abi.CALL_CLOSE, fd })
    check(native().close(this.loop), 'close')
  }

  // Memory

  /** Space that lasts as long as the rig, 8-byte aligned. */
  alloc(bytes: number): number {
    const offset = this.scratch
    this.scratch += Math.ceil(bytes / 8) * 8
    if (this.scratch > this.scratchStart + SCRATCH_BYTES) throw new RangeError('the rig is out of scratch memory')
    return offset
  }

  /** Takes back all that alloc gave since it gave `offset`. */
  rewind(offset: number): void {
    this.scratch = offset
  }

  store(bytes: Uint8Array): number {
    const offset = this.alloc(bytes.length)
    this.bytes.set(bytes, offset)
    return offset
  }

  text(offset: number, length: number): string {
    return Buffer.from(this.bytes.subarray(offset, offset + length)).toString('latin1')
  }

  address(offset: number): bigint {
    return this.base + BigInt(offset)
  }

  // Submission and completion

  /** Writes one SQE → its id. */
  submit(sqe: Sqe): number {
    const tailAt = this.u32(abi.CONTROL_SQ_TAIL)
    const tail = this.u32(tailAt)
    const entries = this.u32(abi.CONTROL_SQ_ENTRIES)
    if (this.pending() === entries) throw new RangeError('the SQ is full')
    const at = this.u32(abi.CONTROL_SQES) + (tail % entries) * abi.SQE_BYTES
    const id = sqe.id ?? this.nextId++
    this.bytes.fill(0, at, at + abi.SQE_BYTES)
    this.view.setUint8(at + abi.SQE_OPCODE, sqe.op)
    this.view.setUint8(at + abi.SQE_FLAGS, sqe.flags ?? 0)
    this.view.setUint16(at + abi.SQE_IOPRIO, sqe.ioprio ?? 0, true)
    this.view.setInt32(at + abi.SQE_FD, sqe.fd ?? -1, true)
    this.view.setBigUint64(at + abi.SQE_OFF, BigInt.asUintN(64, BigInt(sqe.off ?? 0)), true)
    this.view.setBigUint64(at + abi.SQE_ADDR, BigInt.asUintN(64, BigInt(sqe.addr ?? 0)), true)
    this.set32(at + abi.SQE_LEN, sqe.len ?? 0)
    this.set32(at + abi.SQE_OP_FLAGS, sqe.opFlags ?? 0)
    this.view.setBigUint64(at + abi.SQE_USER_DATA, BigInt(id), true)
    this.view.setUint16(at + abi.SQE_BUF_GROUP, sqe.group ?? 0, true)
    this.view.setUint16(at + abi.SQE_BUF_GROUP + 2, sqe.personality ?? 0, true)
    this.view.setInt32(at + abi.SQE_FILE_INDEX, sqe.fileIndex ?? 0, true)
    this.set32(tailAt, tail + 1)
    return id
  }

  /** Enters once → what `enter` says. */
  enter(min = 0, timeoutMs = 2000, calls = 0): number {
    return native().enter(this.loop, calls, this.pending(), min, timeoutMs < 0 ? -1 : Math.round(timeoutMs * 1e6))
  }

  /** How many completions lie in the CQ. */
  ready(): number {
    return (this.u32(this.u32(abi.CONTROL_CQ_TAIL)) - this.u32(this.u32(abi.CONTROL_CQ_HEAD))) >>> 0
  }

  /** How many SQEs the kernel has not consumed. */
  pending(): number {
    return (this.u32(this.u32(abi.CONTROL_SQ_TAIL)) - this.u32(this.u32(abi.CONTROL_SQ_HEAD))) >>> 0
  }

  /** Takes at most `max` completions out of the CQ. */
  take(max = Number.POSITIVE_INFINITY): Cqe[] {
    const headAt = this.u32(abi.CONTROL_CQ_HEAD)
    const taken: Cqe[] = []
    for (let ready = this.ready(); ready > 0 && taken.length < max; ready--) {
      const head = this.u32(headAt)
      const at = this.u32(abi.CONTROL_CQES) + (head % this.u32(abi.CONTROL_CQ_ENTRIES)) * abi.CQE_BYTES
      const flags = this.u32(at + abi.CQE_FLAGS)
      const selected = (flags & abi.CQE_FLAG_BUFFER) !== 0
      taken.push({
        id: Number(this.view.getBigUint64(at + abi.CQE_USER_DATA, true)),
        res: this.view.getInt32(at + abi.CQE_RES, true),
        more: (flags & abi.CQE_FLAG_MORE) !== 0,
        buffer: selected ? flags >>> abi.CQE_BUFFER_SHIFT : undefined,
        ...((flags & abi.CQE_FLAG_NOTIF) !== 0 ? { notification: true } : {}),
      })
      this.set32(headAt, head + 1)
    }
    return taken
  }

  /** Waits for `count` completions and takes everything that is there; throws when they do not come. */
  wait(count = 1, timeoutMs = 2000): Cqe[] {
    const taken: Cqe[] = []
    const end = this.machine().clock() + BigInt(timeoutMs) * 1_000_000n
    while (taken.length < count) {
      const left = Number(end - this.machine().clock()) / 1e6
      const r = this.enter(Math.min(count - taken.length, this.u32(abi.CONTROL_CQ_ENTRIES)), Math.max(left, 0))
      taken.push(...this.take())
      if (r < 0 && taken.length < count) {
        throw new Error(`enter: ${errorName(r)}, ${taken.length} of ${count}: ${JSON.stringify(taken)}`)
      }
    }
    return taken
  }

  /** What is complete after a moment of peace; for proving that nothing comes. */
  settle(timeoutMs = 20): Cqe[] {
    this.enter(this.ready() + 1, timeoutMs)
    return this.take()
  }

  /** Submits one SQE and waits for its one completion. */
  one(sqe: Sqe): Cqe {
    const id = this.submit(sqe)
    const taken = this.wait(1)
    if (taken.length !== 1 || taken[0]!.id !== id)
      throw new Error(`expected one CQE of ${id}: ${JSON.stringify(taken)}`)
    return taken[0]!
  }

  // Calls

  private writeCall(at: number, call: Call): void {
    this.set32(at + abi.CALL_OP, call.op)
    this.view.setInt32(at + abi.CALL_FD, call.fd ?? -1, true)
    this.set32(at + abi.CALL_A, call.a ?? 0)
    this.set32(at + abi.CALL_B, call.b ?? 0)
    this.view.setBigInt64(at + abi.CALL_C, BigInt(call.c ?? 0), true)
    this.view.setInt32(at + abi.CALL_RESULT, -9999, true)
  }

  /** Executes one call at once → its result. */
  call(call: Call): number {
    const at = this.alloc(abi.CALL_BYTES)
    this.writeCall(at, call)
    check(native().call(this.loop, at, 1), 'call')
    if (call.op === abi.CALL_CLOSE) this.fds.delete(call.fd ?? -1)
    return this.view.getInt32(at + abi.CALL_RESULT, true)
  }

  /** Queues calls for the next enter. */
  queueCalls(...calls: readonly Call[]): void {
    const start = this.u32(abi.CONTROL_CALLS_DONE) + this.u32(abi.CONTROL_CALL_COUNT)
    for (const [i, call] of calls.entries()) this.writeCall(this.at.calls + (start + i) * abi.CALL_BYTES, call)
    this.set32(abi.CONTROL_CALL_COUNT, this.u32(abi.CONTROL_CALL_COUNT) + calls.length)
  }

  /** Results of the calls of past enters, which makes room for others. */
  takeCalls(): number[] {
    const done = this.u32(abi.CONTROL_CALLS_DONE)
    this.set32(abi.CONTROL_CALLS_DONE, 0)
    const at = (i: number): number => this.at.calls + i * abi.CALL_BYTES + abi.CALL_RESULT
    return Array.from({ length: done }, (_, i) => this.view.getInt32(at(i), true))
  }

  // Provided buffers

  /** Offset of a buffer in the memory. */
  bufferAt(id: number): number {
    return this.at.buffers + id * this.bufferBytes
  }

  /** Gives buffers to the kernel, in this order. */
  provide(...ids: readonly number[]): void {
    const tailAt = this.at.ring + abi.BUF_RING_TAIL
    let tail = this.view.getUint16(tailAt, true)
    for (const id of ids) {
      const at = this.at.ring + (tail % this.buffers) * abi.BUF_BYTES
      this.view.setBigUint64(at + abi.BUF_ADDR, this.address(this.bufferAt(id)), true)
      this.set32(at + abi.BUF_LEN, this.bufferBytes)
      this.view.setUint16(at + abi.BUF_ID, id, true)
      tail = (tail + 1) & 0xffff
    }
    this.view.setUint16(tailAt, tail, true)
  }

  provideAll(): void {
    this.provide(...Array.from({ length: this.buffers }, (_, i) => i))
  }

  /** The bytes of a receive completion. */
  received(cqe: Cqe): Buffer {
    if (cqe.buffer === undefined || cqe.res <= 0) throw new Error(`no bytes in ${JSON.stringify(cqe)}`)
    const at = this.bufferAt(cqe.buffer)
    return Buffer.from(this.bytes.slice(at, at + cqe.res))
  }

  // Sockets

  /** Remembers a descriptor, to close it with the rig. */
  own(fd: number): number {
    this.fds.add(check(fd, 'socket'))
    return fd
  }

  /** Another owner closes it. */
  disown(fd: number): void {
    this.fds.delete(fd)
  }

  /** The offset of 127.0.0.1:port as a sockaddr_in of 16 bytes. */
  loopback(port: number): number {
    const at = this.alloc(16)
    this.view.setUint16(at, abi.AF_INET, true)
    this.view.setUint16(at + 2, port)
    this.set32(at + 4, 0x0100007f)
    return at
  }

  socket(): number {
    return this.own(this.call({ op: abi.CALL_SOCKET, a: abi.AF_INET, b: abi.SOCK_STREAM }))
  }

  /** A listening socket and its port. */
  listen(backlog = 128): { fd: number; port: number } {
    const fd = this.socket()
    check(this.call({ op: abi.CALL_BIND, fd, a: this.loopback(0), b: 16 }), 'bind')
    check(this.call({ op: abi.CALL_LISTEN, fd, a: backlog }), 'listen')
    const name = this.alloc(16)
    check(this.call({ op: abi.CALL_GETSOCKNAME, fd, a: name, b: 16 }), 'getsockname')
    return { fd, port: this.view.getUint16(name + 2) }
  }

  /** The SQE of a connect to 127.0.0.1:port. */
  connecting(fd: number, port: number): Sqe {
    return { op: abi.OP_CONNECT, fd, addr: this.address(this.loopback(port)), off: 16 }
  }

  /** Two ends of a TCP connection: ours, and the peer's. */
  pair(): [number, number] {
    const { fd: listener, port } = this.listen()
    const peer = this.socket()
    const connect = this.submit(this.connecting(peer, port))
    const accept = this.submit({ op: abi.OP_ACCEPT, fd: listener, opFlags: abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC })
    const cqes = this.wait(2)
    check(cqes.find((cqe) => cqe.id === connect)!.res, 'connect')
    const ours = this.own(check(cqes.find((cqe) => cqe.id === accept)!.res, 'accept'))
    this.call({ op: abi.CALL_CLOSE, fd: listener })
    return [ours, peer]
  }

  /** Two ends whose sockets hold little, so that large sends have to wait. */
  narrowPair(): [number, number] {
    const [ours, peer] = this.pair()
    for (const [fd, b] of [
      [ours, SO_SNDBUF],
      [peer, SO_RCVBUF],
    ] as const) {
      check(this.call({ op: abi.CALL_SETSOCKOPT, fd, a: abi.SOL_SOCKET, b, c: 1 << 16 }), 'setsockopt')
    }
    return [ours, peer]
  }

  /** Sends text at once; → bytes or −errno. */
  send(fd: number, bytes: string | Uint8Array): number {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    return this.call({ op: abi.CALL_SEND, fd, a: this.store(data), b: data.length })
  }

  shut(fd: number): number {
    return this.call({ op: abi.CALL_CLOSE, fd })
  }

  /** Arms a multishot receive → its id. */
  receive(fd: number, id?: number): number {
    return this.submit({ ...RECEIVE, fd, ...(id === undefined ? {} : { id }) })
  }
}

/** A multishot receive into provided buffers. */
export const RECEIVE = {
  op: abi.OP_RECV,
  ioprio: abi.RECV_MULTISHOT,
  flags: abi.SQE_FLAG_BUFFER_SELECT,
  group: abi.BUF_GROUP,
} as const

/** -EINVAL and so on, by name, so that a failing test says what came. */
export function name(res: number): string | number {
  return res < 0 ? errorName(res) : res
}
