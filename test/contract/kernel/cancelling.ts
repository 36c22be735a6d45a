// Cancel and close: every pending op ends exactly once, and a number that is used again is a new file.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { dup } from '../fixtures/libc.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig } from '../rig.ts'

const CANCEL = { op: abi.OP_ASYNC_CANCEL } as const
const ALL_OF_FD = abi.CANCEL_FD | abi.CANCEL_ALL

/** The results of all completions to come, by id. */
function results(rig: Rig, count: number): Map<number, string | number> {
  return new Map(rig.wait(count).map((cqe) => [cqe.id, name(cqe.res)]))
}

export function cancelling({ prove }: Contract): void {
  prove('by user_data: the op is -ECANCELED, the cancel is 0, and nothing comes after', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    const id = rig.receive(ours)
    rig.enter()
    const cancel = rig.submit({ ...CANCEL, addr: id })
    expect(results(rig, 2)).toEqual(
      new Map<number, string | number>([
        [id, 'ECANCELED'],
        [cancel, 0],
      ]),
    )
    rig.send(peer, 'late')
    expect(rig.settle()).toEqual([])
  })

  prove('in the batch that armed it', (rig) => {
    const [ours] = rig.pair()
    rig.provideAll()
    const id = rig.receive(ours)
    const cancel = rig.submit({ ...CANCEL, addr: id })
    expect(results(rig, 2).get(cancel)).toBe(0)
  })

  prove('nothing to cancel: -ENOENT', (rig) => {
    expect(name(rig.one({ ...CANCEL, addr: 4711 }).res)).toBe('ENOENT')
    const [ours] = rig.pair()
    expect(name(rig.one({ ...CANCEL, fd: ours, opFlags: abi.CANCEL_FD }).res)).toBe('ENOENT')
    expect(name(rig.one({ ...CANCEL, fd: 99_999, opFlags: abi.CANCEL_FD }).res)).toBe('EBADF')
  })

  prove('by fd, one; by fd and ALL, their number', (rig) => {
    const [ours] = rig.pair()
    const at = rig.address(rig.alloc(16))
    const ids = Array.from({ length: 5 }, () => rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1 }))
    rig.enter()
    const one = rig.submit({ ...CANCEL, fd: ours, opFlags: abi.CANCEL_FD })
    expect(results(rig, 2).get(one)).toBe(0)
    const rest = rig.submit({ ...CANCEL, fd: ours, opFlags: ALL_OF_FD })
    const ended = results(rig, 5)
    expect(ended.get(rest)).toBe(4)
    expect(ids.filter((id) => ended.get(id) === 'ECANCELED')).toHaveLength(4)
    expect(rig.one({ ...CANCEL, fd: ours, opFlags: ALL_OF_FD }).res).toBe(0)
  })

  prove('two ops of one user_data: ALL takes both', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.address(rig.alloc(16))
    for (const fd of [ours, peer]) rig.submit({ op: abi.OP_RECV, fd, addr: at, len: 1, id: 77 })
    rig.enter()
    const cancel = rig.submit({ ...CANCEL, addr: 77, opFlags: abi.CANCEL_ALL })
    const cqes = rig.wait(3)
    expect(cqes.find((cqe) => cqe.id === cancel)!.res).toBe(2)
    expect(cqes.filter((cqe) => cqe.id === 77).map((cqe) => name(cqe.res))).toEqual(['ECANCELED', 'ECANCELED'])
  })

  prove('thousands wait, each is found', (rig) => {
    const [ours] = rig.pair()
    const at = rig.address(rig.alloc(16))
    for (let i = 0; i < 2000; i++) {
      rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1, id: 10_000 + i })
      if (i % 50 === 49) rig.enter()
    }
    for (let i = 1999; i >= 0; i -= 7) {
      rig.submit({ ...CANCEL, addr: 10_000 + i, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res)])).toEqual([[10_000 + i, 'ECANCELED']])
    }
  })

  prove('a send that moved bytes before its cancel says how many', (rig) => {
    const [ours] = rig.narrowPair()
    const length = 3 << 20
    const addr = rig.address(rig.alloc(length))
    const opFlags = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
    const id = rig.submit({ op: abi.OP_SEND, fd: ours, addr, len: length, opFlags })
    expect(rig.settle(10)).toEqual([])
    rig.submit({ ...CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    const [cqe] = rig.wait()
    expect(cqe!.res).toBeGreaterThan(0)
    expect(cqe!.res).toBeLessThan(length)
  })

  for (const [how, close] of [
    ['a CLOSE', (rig: Rig, fd: number) => rig.one({ op: abi.OP_CLOSE, fd }).res],
    ['a call', (rig: Rig, fd: number) => rig.call({ op: abi.CALL_CLOSE, fd })],
  ] as const) {
    prove(`after ${how} closed the socket, its number is a new file`, (rig) => {
      rig.provideAll()
      const [first, firstPeer] = rig.narrowPair()
      const old = rig.receive(first)
      rig.submit({ ...CANCEL, addr: old, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      expect(rig.wait().map((cqe) => cqe.id)).toEqual([old])
      expect(close(rig, first)).toBe(0)
      rig.disown(first)
      const { port, fd: listener } = rig.listen()
      const [second, secondPeer] = [rig.socket(), rig.socket()]
      expect([second, secondPeer, listener]).toContain(first)
      rig.submit({ op: abi.OP_ACCEPT, fd: listener, opFlags: abi.SOCK_NONBLOCK })
      rig.submit(rig.connecting(second, port))
      const accepted = rig.own(rig.wait(2).find((cqe) => cqe.res > 0)!.res)
      const id = rig.receive(second)
      rig.enter()
      rig.send(firstPeer, 'to the dead')
      rig.send(accepted, 'to the living')
      const cqes = rig.wait()
      expect(cqes.map((cqe) => cqe.id)).toEqual([id])
      expect(rig.received(cqes[0]!).toString()).toBe('to the living')
    })
  }

  /** A closed file lives on in its waiting ops, or ends them: in any case a cancel does → their final completions. */
  function end(rig: Rig, id: number): (string | number)[] {
    const skip = abi.SQE_FLAG_CQE_SKIP_SUCCESS
    const cancel = rig.submit({ ...CANCEL, addr: id, flags: skip })
    const cqes = rig.settle().filter((cqe) => cqe.id !== cancel || name(cqe.res) !== 'ENOENT')
    expect(cqes.every((cqe) => cqe.id === id && !cqe.more)).toBe(true)
    return cqes.map((cqe) => name(cqe.res))
  }

  prove('an fd closed by a call while an op waits: the op ends once, the next file is not confused', (rig) => {
    rig.provideAll()
    const [other, peer] = rig.pair()
    const living = rig.receive(other)
    for (let round = 0; round < 5; round++) {
      const [ours, gone] = rig.pair()
      const id = rig.receive(ours)
      rig.enter()
      rig.shut(ours)
      expect(end(rig, id)).toEqual(['ECANCELED'])
      rig.shut(gone)
    }
    rig.send(peer, 'still here')
    expect(rig.wait().map((cqe) => cqe.id)).toEqual([living])
  })

  prove('a duplicate that lives on does not report for the closed number once its op ended', (rig) => {
    rig.provideAll()
    const [ours, peer] = rig.pair()
    const id = rig.receive(ours)
    rig.enter()
    const copy = rig.own(dup(ours))
    rig.shut(ours)
    expect(end(rig, id)).toEqual(['ECANCELED'])
    rig.send(peer, 'to the copy')
    // the least of three: the process collects garbage and compiles, too
    const used = Array.from({ length: 3 }, () => {
      const before = process.cpuUsage()
      expect(rig.settle(100)).toEqual([])
      const { user, system } = process.cpuUsage(before)
      return user + system
    })
    expect(Math.min(...used)).toBeLessThan(50_000)
    const fresh = rig.receive(copy)
    expect(rig.wait().map((cqe) => cqe.id)).toEqual([fresh])
  })

  prove(
    'completions the CQ has no room for survive the close of their socket, once each',
    (rig) => {
      const [ours] = rig.pair()
      const at = rig.address(rig.alloc(16))
      const ids = Array.from({ length: 12 }, () => {
        const id = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1 })
        rig.enter()
        return id
      })
      rig.submit({ ...CANCEL, fd: ours, opFlags: ALL_OF_FD, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      rig.enter()
      rig.shut(ours)
      const seen: number[] = []
      while (seen.length < ids.length) seen.push(...rig.wait().map((cqe) => cqe.id))
      expect(seen.sort((a, b) => a - b)).toEqual(ids)
      expect(rig.settle()).toEqual([])
    },
    { sqEntries: 4, cqEntries: 4 },
  )
}
