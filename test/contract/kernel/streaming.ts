// Rule 1, as a property: whatever the sizes, modes, buffers and re-arms, the bytes of a stream arrive once, in order.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import type { Cqe, Rig } from '../rig.ts'

const STREAM_BYTES = 200_000
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1)
const EOF = 0

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** One connection, read in every way there is while its peer writes in pieces of every size. */
class Stream {
  private readonly rig: Rig
  private readonly random: (below: number) => number
  private readonly ours: number
  private readonly peer: number
  private readonly id: number
  private readonly sent: Buffer
  private written = 0
  private sending: { readonly id: number; readonly length: number } | undefined
  private armed: { readonly id: number; readonly at: number | undefined } | undefined
  private readonly parts: Buffer[] = []
  private withheld: number[] = []
  ended = false

  constructor(rig: Rig, random: (below: number) => number, id: number) {
    this.rig = rig
    this.random = random
    this.id = id
    ;[this.ours, this.peer] = rig.pair()
    this.sent = Buffer.from(Array.from({ length: STREAM_BYTES }, () => random(256)))
  }

  owns(id: number): boolean {
    return id === this.id || id === this.id + 1
  }

  get whole(): boolean {
    return Buffer.concat(this.parts).equals(this.sent)
  }

  get received(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0)
  }

  write(staging: number): void {
    if (this.sending !== undefined) return
    const left = STREAM_BYTES - this.written
    if (left === 0) {
      this.rig.call({ op: abi.CALL_SHUTDOWN, fd: this.peer, a: abi.SHUT_WR })
      return
    }
    const length = Math.min(left, this.random(3) === 0 ? 1 + this.random(5) : 1 + this.random(20_000))
    this.rig.bytes.set(this.sent.subarray(this.written, this.written + length), staging)
    const opFlags = abi.MSG_NOSIGNAL | (this.random(2) === 0 ? abi.MSG_WAITALL : 0)
    const addr = this.rig.address(staging)
    const id = this.rig.submit({ op: abi.OP_SEND, fd: this.peer, addr, len: length, opFlags, id: this.id + 1 })
    this.sending = { id, length }
  }

  arm(place: number): void {
    if (this.ended) return
    if (this.armed !== undefined) {
      const cancel = abi.SQE_FLAG_CQE_SKIP_SUCCESS
      if (this.random(20) === 0) this.rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: this.armed.id, flags: cancel, id: 9 })
      return
    }
    const kind = this.random(4)
    if (kind === 0) {
      const len = 1 + this.random(5000)
      const opFlags = this.random(3) === 0 ? abi.MSG_WAITALL : 0
      const addr = this.rig.address(place)
      this.armed = {
        id: this.rig.submit({ op: abi.OP_RECV, fd: this.ours, addr, len, opFlags, id: this.id }),
        at: place,
      }
      return
    }
    const select = { op: abi.OP_RECV, fd: this.ours, flags: abi.SQE_FLAG_BUFFER_SELECT, group: abi.BUF_GROUP } as const
    const how = kind === 1 ? { len: this.random(300) } : { ioprio: abi.RECV_MULTISHOT }
    this.armed = { id: this.rig.submit({ ...select, ...how, id: this.id }), at: undefined }
  }

  complete(cqe: Cqe): void {
    if (cqe.id === this.id + 1) {
      expect(cqe.res).toBeGreaterThan(0)
      this.written += cqe.res
      this.sending = undefined
      return
    }
    const { at } = this.armed!
    if (cqe.buffer !== undefined) {
      this.parts.push(this.rig.received(cqe))
      this.withheld.push(cqe.buffer)
    } else if (cqe.res > 0) this.parts.push(Buffer.from(this.rig.bytes.slice(at!, at! + cqe.res)))
    else if (cqe.res === EOF) this.ended = true
    else expect([-abi.ENOBUFS, -abi.ECANCELED]).toContain(cqe.res)
    if (!cqe.more) this.armed = undefined
  }

  close(): void {
    this.giveBack(true)
    this.rig.shut(this.ours)
    this.rig.shut(this.peer)
  }

  giveBack(always = false): void {
    if (!always && this.random(3) === 0) return
    this.rig.provide(...this.withheld)
    this.withheld = []
  }
}

function run(rig: Rig, seed: number): void {
  const random = randomFrom(seed)
  const start = rig.alloc(0)
  const streams = Array.from({ length: 2 }, (_, i) => {
    const stream = new Stream(rig, random, 100 + i * 10)
    return { stream, staging: rig.alloc(32_768), place: rig.alloc(8192) }
  })
  const reset = rig.alloc(0)
  let idle = 0
  while (streams.some(({ stream }) => !stream.ended)) {
    for (const { stream, staging, place } of streams) {
      if (random(2) === 0) stream.write(staging)
      if (random(2) === 0) stream.arm(place)
    }
    rig.enter(random(2), 1)
    const cqes = rig.take(1 + random(30))
    for (const cqe of cqes) streams.find(({ stream }) => stream.owns(cqe.id))?.stream.complete(cqe)
    for (const { stream } of streams) stream.giveBack()
    idle = cqes.length > 0 ? 0 : idle + 1
    if (idle > 5000) throw new Error(`stuck at ${streams.map(({ stream }) => stream.received).join(', ')} bytes`)
    rig.rewind(reset)
  }
  for (const { stream } of streams) {
    expect(stream.whole).toBe(true)
    stream.close()
  }
  rig.rewind(start)
}

export function streaming({ prove }: Contract): void {
  for (const [title, options] of [
    ['plenty of room', { buffers: 32, bufferBytes: 4096 }],
    ['few small buffers', { buffers: 4, bufferBytes: 100 }],
    ['a tiny CQ', { buffers: 16, bufferBytes: 512, cqEntries: 8, sqEntries: 8 }],
  ] as const) {
    prove(
      `random streams arrive whole: ${title}`,
      (rig) => {
        const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
        rig.provideAll()
        const end = performance.now() + SECONDS * 1000
        for (let i = 0; performance.now() < end; i++) {
          try {
            run(rig, seed + i)
          } catch (error) {
            throw new Error(`replay with SEED=${seed + i}`, { cause: error })
          }
        }
      },
      options,
    )
  }
}
