// Links: what runs after what, what breaks a chain, which completions are skipped, and timeouts behind an op.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { elapsedMs } from '../machine.ts'
import { name, type Rig, type Sqe } from '../rig.ts'

const LINK = abi.SQE_FLAG_IO_LINK
const SKIP = abi.SQE_FLAG_CQE_SKIP_SUCCESS
const NOP = { op: abi.OP_NOP } as const
const BAD_FD = { op: abi.OP_FSYNC, fd: 99_999 } as const

/** Submits a chain → results by position, 'none' where no completion came. */
function chain(rig: Rig, ...sqes: readonly Sqe[]): (string | number)[] {
  const ids = sqes.map((sqe) => rig.submit(sqe))
  const results = new Map<number, string | number>()
  for (let quiet = false; !quiet; ) {
    const cqes = rig.settle(results.size === sqes.length ? 1 : 30)
    for (const cqe of cqes) {
      expect(results.has(cqe.id)).toBe(false)
      results.set(cqe.id, name(cqe.res))
    }
    quiet = cqes.length === 0
  }
  return ids.map((id) => results.get(id) ?? 'none')
}

function after(rig: Rig, ms: number): Sqe {
  const at = rig.alloc(16)
  rig.view.setBigInt64(at, 0n, true)
  rig.view.setBigInt64(at + 8, BigInt(ms) * 1_000_000n, true)
  return { op: abi.OP_LINK_TIMEOUT, addr: rig.address(at), len: 1 }
}

export function linking({ prove }: Contract): void {
  prove('a chain runs in order', (rig) => {
    const ids = [LINK, LINK, 0].map((flags) => rig.submit({ ...NOP, flags }))
    expect(rig.wait(3).map((cqe) => cqe.id)).toEqual(ids)
  })

  prove('a failure cancels what follows, and only that', (rig) => {
    const results = chain(rig, { ...NOP, flags: LINK }, { ...BAD_FD, flags: LINK }, { ...NOP, flags: LINK }, NOP, NOP)
    expect(results).toEqual([0, 'EBADF', 'ECANCELED', 'ECANCELED', 0])
  })

  prove('a chain with an SQE that makes no sense does not run at all', (rig) => {
    expect(chain(rig, { ...NOP, flags: LINK }, { op: 200, flags: LINK }, NOP)).toEqual([
      'ECANCELED',
      'EINVAL',
      'ECANCELED',
    ])
  })

  prove('the next op starts only when a waiting one is done', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.address(rig.alloc(16))
    const first = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1, flags: LINK })
    const second = rig.submit(NOP)
    expect(rig.settle(5)).toEqual([])
    rig.send(peer, 'x')
    expect(rig.wait(2).map((cqe) => [cqe.id, cqe.res])).toEqual([
      [first, 1],
      [second, 0],
    ])
  })

  prove('a cancelled op cancels its chain', (rig) => {
    const [ours] = rig.pair()
    const at = rig.address(rig.alloc(16))
    const id = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1, flags: LINK })
    const second = rig.submit(NOP)
    rig.enter()
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: SKIP })
    expect(rig.wait(2).map((cqe) => [cqe.id, name(cqe.res)])).toEqual([
      [id, 'ECANCELED'],
      [second, 'ECANCELED'],
    ])
  })

  prove('a send with MSG_WAITALL that falls short breaks its chain', (rig) => {
    const [ours, peer] = rig.narrowPair()
    const length = 3 << 20
    const addr = rig.address(rig.alloc(length))
    const opFlags = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
    const send = rig.submit({ op: abi.OP_SEND, fd: ours, addr, len: length, opFlags, flags: LINK })
    const next = rig.submit(NOP)
    expect(rig.settle(5)).toEqual([])
    rig.shut(peer)
    const cqes = rig.wait(2)
    expect(cqes[0]!.id).toBe(send)
    expect([cqes[1]!.id, name(cqes[1]!.res)]).toEqual([next, 'ECANCELED'])
  })

  prove('CQE_SKIP_SUCCESS: no completion for a success, one for a failure', (rig) => {
    expect(chain(rig, { ...NOP, flags: SKIP }, NOP)).toEqual(['none', 0])
    expect(chain(rig, { ...BAD_FD, flags: SKIP })).toEqual(['EBADF'])
    expect(chain(rig, { ...NOP, flags: SKIP | LINK }, { ...NOP, flags: LINK }, NOP)).toEqual(['none', 0, 0])
  })

  prove('a failure that skips silences the chain behind it', (rig) => {
    expect(chain(rig, { ...BAD_FD, flags: SKIP | LINK }, { ...NOP, flags: LINK }, NOP)).toEqual([
      'EBADF',
      'none',
      'none',
    ])
  })

  prove('LINK_TIMEOUT: the op is cancelled when its time is up', (rig) => {
    const [ours] = rig.pair()
    const addr = rig.address(rig.alloc(16))
    const receive = { op: abi.OP_RECV, fd: ours, addr, len: 1, flags: LINK } as const
    const ms = elapsedMs(rig.machine(), () =>
      expect(chain(rig, receive, after(rig, 15))).toEqual(['ECANCELED', 'ETIME']),
    )
    expect(ms).toBeGreaterThanOrEqual(15)
  })

  prove('LINK_TIMEOUT: -ECANCELED when the op wins, and the chain goes on', (rig) => {
    const [ours, peer] = rig.pair()
    const addr = rig.address(rig.alloc(16))
    rig.send(peer, 'x')
    const receive = { op: abi.OP_RECV, fd: ours, addr, len: 1, flags: LINK } as const
    expect(chain(rig, receive, { ...after(rig, 5000), flags: LINK }, NOP)).toEqual([1, 'ECANCELED', 0])
    rig.submit(receive)
    rig.submit({ ...after(rig, 5000), flags: LINK })
    const last = rig.submit(NOP)
    expect(rig.settle(5)).toEqual([])
    rig.send(peer, 'y')
    const cqes = rig.wait(3)
    expect(cqes.map((cqe) => name(cqe.res)).sort()).toEqual([0, 1, 'ECANCELED'])
    expect(cqes.find((cqe) => cqe.id === last)!.res).toBe(0)
  })

  prove('LINK_TIMEOUT: the rest of the chain is cancelled with the op', (rig) => {
    const [ours] = rig.pair()
    const addr = rig.address(rig.alloc(16))
    const receive = { op: abi.OP_RECV, fd: ours, addr, len: 1, flags: LINK } as const
    expect(chain(rig, receive, { ...after(rig, 5), flags: LINK }, NOP)).toEqual(['ECANCELED', 'ETIME', 'ECANCELED'])
  })

  prove('LINK_TIMEOUT without an op before it is -EINVAL', (rig) => {
    expect(chain(rig, after(rig, 5))).toEqual(['EINVAL'])
  })

  prove('a linked close runs after the receive it follows', (rig) => {
    const [ours, peer] = rig.pair()
    const addr = rig.address(rig.alloc(16))
    const receive = rig.submit({ op: abi.OP_RECV, fd: ours, addr, len: 1, flags: LINK })
    const close = rig.submit({ op: abi.OP_CLOSE, fd: ours })
    rig.enter()
    rig.send(peer, 'x')
    const results = new Map(rig.wait(2).map((cqe) => [cqe.id, name(cqe.res)]))
    rig.disown(ours)
    expect([results.get(receive), results.get(close)]).toEqual([1, 0])
    expect(name(rig.one({ op: abi.OP_CLOSE, fd: ours }).res)).toBe('EBADF')
  })
}
