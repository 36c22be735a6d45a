// Garbage: SQEs with random fields. Whatever they ask for, each gets its CQEs as the rules say, the loop goes on, and
// nothing crashes. Random fields stay within what is ours: descriptors of the test, addresses of its scratch, or none.
// So do the pointers in the headers of messages: Linux follows them wherever they lead in the process.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Cqe, name, type Rig, type Sqe } from '../rig.ts'
import { randomFrom } from './streaming.ts'

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
const BATCH = 24

/** What came for one SQE. */
interface Fate {
  readonly sqe: Sqe
  /** It asks for no CQE on success, or stands in a chain behind one that does: if that fails, the rest is silent. */
  readonly quiet: boolean
  finals: number
  notifications: number
  announced: number
}

const OPS = [
  ...[abi.OP_NOP, abi.OP_FSYNC, abi.OP_POLL_ADD, abi.OP_SENDMSG, abi.OP_RECVMSG, abi.OP_TIMEOUT],
  ...[abi.OP_TIMEOUT_REMOVE, abi.OP_ACCEPT, abi.OP_ASYNC_CANCEL, abi.OP_LINK_TIMEOUT, abi.OP_CONNECT],
  ...[abi.OP_STATX, abi.OP_READ, abi.OP_WRITE, abi.OP_SEND, abi.OP_RECV, abi.OP_MSG_RING],
  ...[abi.OP_SEND_ZC, abi.OP_SENDMSG_ZC, 120, 200, 255],
]
const ZERO_COPY: readonly number[] = [abi.OP_SEND_ZC, abi.OP_SENDMSG_ZC]
const OF_MESSAGES: readonly number[] = [abi.OP_SENDMSG, abi.OP_RECVMSG, abi.OP_SENDMSG_ZC]
const HEADERS = 16
const { SQE_FLAG_IO_LINK: LINK, SQE_FLAG_BUFFER_SELECT: SELECT, SQE_FLAG_CQE_SKIP_SUCCESS: SKIP } = abi

export function guessing({ prove }: Contract): void {
  prove(`random SQEs: no crash, no hang, and the CQEs that each is owed (FUZZ_SEED=${SEED})`, (rig) => {
    const until = performance.now() + SECONDS * 1000
    for (let round = 0; performance.now() < until; round++) oneRound(rig, randomFrom(SEED + round), SEED + round)
  })
}

/** The descriptors a round plays with. */
function descriptors(rig: Rig): number[] {
  const [ours, peer] = rig.pair()
  const { fd: listener } = rig.listen()
  const machine = rig.machine()
  const others = [...machine.pipe(), machine.eventfd(0)].map((fd) => rig.own(fd))
  return [ours, peer, listener, rig.socket(), ...others]
}

function oneRound(rig: Rig, random: (below: number) => number, seed: number): void {
  const scratch = rig.alloc(0)
  const fds = descriptors(rig)
  const bare = rig.alloc(HEADERS * 128) // what follows is written to; headers lie before it, and keep their pointers
  const area = rig.alloc(4096)
  for (let i = 0; i < 4096; i++) rig.bytes[area + i] = random(4) === 0 ? random(256) : 0
  rig.provideAll()
  const pick = <T>(...choices: readonly T[]): T => choices[random(choices.length)] as T
  const seldom = (value: number): number => (random(6) === 0 ? value : 0)
  const nowhere = (): bigint => pick(BigInt(random(9)), (1n << 64n) - BigInt(1 + random(5000)))
  const address = (): bigint =>
    pick(
      rig.address(area + random(512) * 8),
      rig.address(area + random(4096)),
      rig.address(rig.bytes.length - random(64)),
      nowhere(),
      nowhere(),
    )
  for (let i = 0; i < HEADERS; i++) {
    const part = (): [number, number] => [pick(area + random(4096), rig.bytes.length - random(64)), random(5000)]
    lay(rig, bare + i * 128, Array.from({ length: random(5) }, part))
  }
  const header = (): bigint => pick(rig.address(bare + random(HEADERS) * 128 + 64), nowhere())
  const fates = new Map<number, Fate>()
  const wild = (op = pick(...OPS)): Sqe => ({
    op,
    flags: seldom(LINK) | seldom(SELECT) | seldom(SKIP) | seldom(random(2) << 7),
    ioprio: seldom(random(65536)) || random(4) * random(2),
    fd: pick(...fds, ...fds, -1, 99_999, rig.view.getInt32(abi.CONTROL_RING_FD, true)),
    off: pick(0n, 0n, BigInt(random(40)), (1n << 64n) - 1n, address()),
    addr: OF_MESSAGES.includes(op) ? pick(0n, header(), header()) : pick(0n, address(), address()),
    len: pick(0, 1, random(64), random(5000), 0xffffffff),
    opFlags: pick(0, 0, abi.MSG_NOSIGNAL, abi.MSG_NOSIGNAL | abi.MSG_WAITALL, random(1 << 16), 0xffffffff),
    group: pick(0, abi.BUF_GROUP, seldom(random(65536))),
    fileIndex: seldom(random(1 << 30)),
    personality: seldom(seldom(random(65536))),
  })
  const told: string[] = []
  const book = (cqes: readonly Cqe[]): void => {
    for (const cqe of cqes) {
      const fate = fates.get(cqe.id)
      if (fate === undefined) continue // a message to ourselves, or a cancel
      if (cqe.notification) fate.notifications++
      else if (cqe.more && ZERO_COPY.includes(fate.sqe.op)) fate.announced++
      else if (!cqe.more) fate.finals++
      if (cqe.buffer !== undefined && cqe.res > rig.bufferBytes) told.push(`more than its buffer: ${cqe.res}`)
      if (fate.sqe.op === abi.OP_ACCEPT && cqe.res > 0) rig.shut(rig.own(cqe.res))
    }
  }
  let chained = false
  for (let i = 0; i < BATCH; i++) {
    const sqe = wild()
    const quiet: boolean = (sqe.flags! & SKIP) !== 0 || chained
    chained = quiet && (sqe.flags! & LINK) !== 0
    const id = 1_000_000 + seed * 1000 + i
    fates.set(rig.submit({ ...sqe, id }), { sqe, quiet, finals: 0, notifications: 0, announced: 0 })
    if (random(5) === 0) {
      const r = rig.enter()
      expect([seed, r < 0 ? name(r) : '']).toEqual([seed, ''])
      book(rig.take())
    }
  }
  const left = (): [number, Fate][] =>
    [...fates].filter(([, { quiet, finals, announced, notifications }]) =>
      quiet ? false : finals + announced < 1 || notifications < announced,
    )
  for (let tries = 0; tries < 40 && (tries < 2 || left().length > 0); tries++) {
    for (const [id] of [...fates].slice(0, 30)) {
      rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, opFlags: abi.CANCEL_ALL, id: 7 })
    }
    rig.enter()
    book(rig.settle(tries < 2 ? 0 : 5))
  }
  for (const fd of fds) rig.shut(fd) // a zero-copy send that nobody reads keeps its memory until its socket is gone
  for (let tries = 0; tries < 40 && left().length > 0; tries++) book(rig.settle(5))
  for (const [id, { sqe, quiet, finals, announced, notifications }] of fates) {
    const once = finals + announced === 1 || (quiet && finals + announced === 0)
    const fair = once && notifications <= (ZERO_COPY.includes(sqe.op) ? 1 : 0) && notifications >= announced
    if (!fair) told.push(`${id}: ${finals} finals, ${announced} announced, ${notifications} notified: ${show(sqe)}`)
  }
  expect([seed, told]).toEqual([seed, []])
  expect(rig.one({ op: abi.OP_NOP, id: 8 }).res).toBe(0)
  rig.rewind(scratch)
}

/** At most four iovecs, and 64 bytes behind them the header that names them. */
function lay(rig: Rig, at: number, parts: readonly (readonly [number, number])[]): void {
  rig.bytes.fill(0, at, at + 128)
  for (const [i, [offset, length]] of parts.entries()) {
    rig.view.setBigUint64(at + i * 16, rig.address(offset), true)
    rig.view.setBigUint64(at + i * 16 + 8, BigInt(length), true)
  }
  rig.view.setBigUint64(at + 64 + 16, rig.address(at), true)
  rig.view.setBigUint64(at + 64 + 24, BigInt(parts.length), true)
}

function show(sqe: Sqe): string {
  return JSON.stringify(sqe, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))
}
