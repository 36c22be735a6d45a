// A kernel by hand: the runtime core over a memory of its own, whose SQEs a test reads and whose CQEs it writes. The
// memory begins at host address 0, so that addresses are offsets.
import * as abi from '../../../assembly/abi.ts'
import { instantiateRuntime, type Runtime } from '../../../src/loop/runtime.ts'

const PAGES = 1024 // of 64 KiB
const LISTENER_FD = 100

export interface HandOptions {
  readonly features?: number
  readonly bufferMode?: number
  readonly buffers?: number
  readonly bufferBytes?: number
  readonly channels?: number
}

export interface Sqe {
  readonly op: number
  readonly flags: number
  readonly ioprio: number
  readonly fd: number
  readonly off: number
  readonly addr: number
  readonly len: number
  readonly opFlags: number
  readonly data: bigint
  readonly kind: number
}

export interface Call {
  readonly op: number
  readonly fd: number
  readonly a: number
  readonly b: number
  readonly c: bigint
  readonly at: number
}

export interface Upcall {
  readonly kind: number
  readonly slot: number
  readonly at: number
  readonly length: number
  /** The lower half, signed. */
  readonly extra: number
}

export class Hand {
  readonly core: Runtime
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly control: number
  readonly buffers: number
  readonly bufferBytes: number
  readonly incremental: boolean
  /** What the host was told, since the test has last emptied it. */
  readonly upcalls: Upcall[] = []
  /** Results of immediate calls; what it does not name succeeds with 0. */
  onCall: (call: Call) => number = () => 0
  /** Called for each upcall while its bytes are valid. */
  onUpcall: (upcall: Upcall) => void = () => undefined
  #bufferHead = 0
  #offset = 0
  #nowNs = 1_000_000_000n

  constructor(options: HandOptions = {}) {
    const { features = 0, bufferMode = abi.BUFFERS_PLAIN, buffers = 4, bufferBytes = 4096, channels = 1024 } = options
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true })
    this.bytes = new Uint8Array(memory.buffer)
    this.view = new DataView(memory.buffer)
    this.core = instantiateRuntime(memory)
    const end = PAGES * 65536
    const base = this.core.memoryBase()
    this.control = this.core.create(base, end, channels, buffers, bufferBytes, 256, 512, 32 << 20)
    if (this.control === 0) throw new Error('the loop does not fit its memory')
    this.buffers = buffers
    this.bufferBytes = bufferBytes
    this.incremental = bufferMode === abi.BUFFERS_INCREMENTAL
    const rings = this.get(abi.CONTROL_RINGS)
    const places = [abi.CONTROL_SQ_HEAD, abi.CONTROL_SQ_TAIL, abi.CONTROL_CQ_HEAD, abi.CONTROL_CQ_TAIL]
    for (const [i, place] of places.entries()) this.set(place, rings + 4 * i)
    this.set(abi.CONTROL_CQES, rings + abi.RINGS_BYTES_FIXED)
    this.set(abi.CONTROL_FEATURES, features)
    this.set(abi.CONTROL_BUFFER_MODE, bufferMode)
    this.#tell()
    this.core.attach()
    this.core.upstreamSeed(1n)
  }

  get(offset: number): number {
    return this.view.getUint32(this.control + offset, true)
  }

  set(offset: number, value: number): void {
    this.view.setUint32(this.control + offset, value, true)
  }

  get waitMin(): number {
    return this.get(abi.CONTROL_WAIT_MIN)
  }

  get waitNs(): number {
    return Number(this.view.getBigInt64(this.control + abi.CONTROL_WAIT_NS, true))
  }

  /** Moves the clock on. */
  advance(ms: number): void {
    this.#nowNs += BigInt(ms) * 1_000_000n
    this.#tell()
  }

  #tell(): void {
    this.view.setBigUint64(this.control + abi.CONTROL_MONOTONIC_NS, this.#nowNs, true)
    this.view.setBigUint64(this.control + abi.CONTROL_REALTIME_MS, 1_700_000_000_000n + this.#nowNs / 1_000_000n, true)
  }

  /** One turn of the core, and the host's part of it. Returns what it has submitted. */
  turn(): Sqe[] {
    if (this.core.run() > 0) {
      const first = this.core.upcalls.value as number
      for (let i = 0; i < this.core.upcallCount(); i++) {
        const at = first + i * abi.UPCALL_BYTES
        const word = (offset: number): number => this.view.getUint32(at + offset, true)
        const kind = word(abi.UPCALL_KIND)
        const upcall = {
          kind,
          slot: word(abi.UPCALL_SLOT),
          at: word(abi.UPCALL_AT),
          length: word(abi.UPCALL_LENGTH),
          extra: this.view.getInt32(at + abi.UPCALL_EXTRA, true),
        }
        this.upcalls.push(upcall)
        this.onUpcall(upcall)
      }
      this.core.upcallsDone()
      this.core.flush()
    }
    this.#calls()
    return this.submitted()
  }

  #calls(): void {
    const count = this.get(abi.CONTROL_CALL_COUNT)
    const list = this.get(abi.CONTROL_CALLS)
    for (let i = 0; i < count; i++) {
      const at = list + i * abi.CALL_BYTES
      const word = (offset: number): number => this.view.getUint32(at + offset, true)
      const call = {
        op: word(abi.CALL_OP),
        fd: this.view.getInt32(at + abi.CALL_FD, true),
        a: word(abi.CALL_A),
        b: word(abi.CALL_B),
        c: this.view.getBigInt64(at + abi.CALL_C, true),
        at,
      }
      this.view.setInt32(at + abi.CALL_RESULT, this.onCall(call), true)
    }
    this.set(abi.CONTROL_CALLS_DONE, count)
    this.set(abi.CONTROL_CALL_COUNT, 0)
  }

  /** Takes the SQEs that were published. */
  submitted(): Sqe[] {
    const headAt = this.get(abi.CONTROL_SQ_HEAD)
    const found = this.pending()
    this.view.setUint32(headAt, this.view.getUint32(this.get(abi.CONTROL_SQ_TAIL), true), true)
    return found
  }

  /** The SQEs that were published and not taken. */
  pending(): Sqe[] {
    const head = this.view.getUint32(this.get(abi.CONTROL_SQ_HEAD), true)
    const tail = this.view.getUint32(this.get(abi.CONTROL_SQ_TAIL), true)
    const mask = this.get(abi.CONTROL_SQ_ENTRIES) - 1
    const found: Sqe[] = []
    for (let i = head; i !== tail; i = (i + 1) >>> 0) {
      const at = this.get(abi.CONTROL_SQES) + (i & mask) * abi.SQE_BYTES
      const data = this.view.getBigUint64(at + abi.SQE_USER_DATA, true)
      found.push({
        op: this.view.getUint8(at + abi.SQE_OPCODE),
        flags: this.view.getUint8(at + abi.SQE_FLAGS),
        ioprio: this.view.getUint16(at + abi.SQE_IOPRIO, true),
        fd: this.view.getInt32(at + abi.SQE_FD, true),
        off: Number(this.view.getBigUint64(at + abi.SQE_OFF, true)),
        addr: Number(this.view.getBigUint64(at + abi.SQE_ADDR, true)),
        len: this.view.getUint32(at + abi.SQE_LEN, true),
        opFlags: this.view.getUint32(at + abi.SQE_OP_FLAGS, true),
        data,
        kind: Number(data >> BigInt(abi.UD_KIND_SHIFT)),
      })
    }
    return found
  }

  /** Writes one completion. */
  complete(data: bigint, result: number, flags = 0): void {
    const tailAt = this.get(abi.CONTROL_CQ_TAIL)
    const tail = this.view.getUint32(tailAt, true)
    const at = this.get(abi.CONTROL_CQES) + (tail & (this.get(abi.CONTROL_CQ_ENTRIES) - 1)) * abi.CQE_BYTES
    this.view.setBigUint64(at + abi.CQE_USER_DATA, data, true)
    this.view.setInt32(at + abi.CQE_RES, result, true)
    this.view.setUint32(at + abi.CQE_FLAGS, flags, true)
    this.view.setUint32(tailAt, tail + 1, true)
  }

  /** Provided buffers that the kernel still has. */
  get provided(): number {
    const ring = this.get(abi.CONTROL_BUFFER_RING)
    return (this.view.getUint16(ring + abi.BUF_RING_TAIL, true) - this.#bufferHead) & 0xffff
  }

  /**
   * A receive of `data` into the next buffer, as a multishot does it: as much as fits. Returns how much; 0 where there
   * was no buffer, and the multishot has ended with -ENOBUFS.
   */
  receive(recv: bigint, data: Uint8Array, more = true): number {
    if (this.provided === 0) {
      this.complete(recv, -abi.ENOBUFS)
      return 0
    }
    const at = this.get(abi.CONTROL_BUFFER_RING) + (this.#bufferHead & (this.buffers - 1)) * abi.BUF_BYTES
    const room = this.bufferBytes - this.#offset
    const length = Math.min(room, data.length)
    this.bytes.set(data.subarray(0, length), Number(this.view.getBigUint64(at + abi.BUF_ADDR, true)) + this.#offset)
    const id = this.view.getUint16(at + abi.BUF_ID, true)
    this.#offset += length
    const kept = this.incremental && this.#offset < this.bufferBytes
    if (!kept) {
      this.#bufferHead = (this.#bufferHead + 1) & 0xffff
      this.#offset = 0
    }
    const flags = abi.CQE_FLAG_BUFFER | (id << abi.CQE_BUFFER_SHIFT) | (kept ? abi.CQE_FLAG_BUF_MORE : 0)
    this.complete(recv, length, flags | (more ? abi.CQE_FLAG_MORE : 0))
    return length
  }

  /** A bundle: one completion for as many buffers as `data` needs and there are. */
  receiveBundle(recv: bigint, data: Uint8Array): number {
    const first = this.#bufferHead
    let taken = 0
    let kept = false
    while (taken < data.length && this.provided > 0) {
      const at = this.get(abi.CONTROL_BUFFER_RING) + (this.#bufferHead & (this.buffers - 1)) * abi.BUF_BYTES
      const length = Math.min(this.bufferBytes - this.#offset, data.length - taken)
      const to = Number(this.view.getBigUint64(at + abi.BUF_ADDR, true)) + this.#offset
      this.bytes.set(data.subarray(taken, taken + length), to)
      taken += length
      this.#offset += length
      kept = this.incremental && this.#offset < this.bufferBytes
      if (kept) break
      this.#bufferHead = (this.#bufferHead + 1) & 0xffff
      this.#offset = 0
    }
    if (taken === 0) {
      this.complete(recv, -abi.ENOBUFS)
      return 0
    }
    const at = this.get(abi.CONTROL_BUFFER_RING) + (first & (this.buffers - 1)) * abi.BUF_BYTES
    const id = this.view.getUint16(at + abi.BUF_ID, true)
    const more = this.provided > 0 ? abi.CQE_FLAG_MORE : 0 // a bundle that empties the ring ends the multishot
    const flags = abi.CQE_FLAG_BUFFER | (id << abi.CQE_BUFFER_SHIFT) | (kept ? abi.CQE_FLAG_BUF_MORE : 0)
    this.complete(recv, taken, flags | more)
    return taken
  }

  /** An endpoint whose listener has accepted `count` connections, with descriptors from 200 on; → their receives. */
  accept(service: number, count: number, { high = 65536, low = 16384, limit = 1000 } = {}): Sqe[] {
    const endpoint = this.core.endpointCreate(service, 0, high, low, limit)
    if (!this.core.endpointListen(endpoint, LISTENER_FD)) throw new Error('no slot for a listener')
    const accept = this.turn().find(({ op }) => op === abi.OP_ACCEPT)
    if (accept === undefined) throw new Error('the listener does not accept')
    for (let i = 0; i < count; i++) this.complete(accept.data, 200 + i, abi.CQE_FLAG_MORE)
    const receives = this.turn().filter(({ op }) => op === abi.OP_RECV)
    return receives.sort((a, b) => a.fd - b.fd)
  }

  /** The bytes that a SEND or SENDMSG asks to be sent. */
  payload(sqe: Sqe): Buffer {
    if (sqe.op === abi.OP_SEND || sqe.op === abi.OP_SEND_ZC) {
      return Buffer.from(this.bytes.slice(sqe.addr, sqe.addr + sqe.len))
    }
    const u64 = (at: number): number => Number(this.view.getBigUint64(at, true))
    const parts: Uint8Array[] = []
    for (let i = 0; i < u64(sqe.addr + 24); i++) {
      const iovec = u64(sqe.addr + 16) + 16 * i
      parts.push(this.bytes.slice(u64(iovec), u64(iovec) + u64(iovec + 8)))
    }
    return Buffer.concat(parts)
  }

  /** skbs that exist. */
  get skbs(): number {
    return this.get(abi.CONTROL_SKBS)
  }
}

export const isSend = ({ op }: Sqe): boolean =>
  op === abi.OP_SEND || op === abi.OP_SENDMSG || op === abi.OP_SEND_ZC || op === abi.OP_SENDMSG_ZC
