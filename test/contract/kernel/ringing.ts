// Messages between loops: a CQE in another loop's ring, with the sender's user_data and result; rules of MSG_RING.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig, type Sqe } from '../rig.ts'

/** What other loops name this one by. */
const ringOf = (rig: Rig): number => rig.view.getInt32(abi.CONTROL_RING_FD, true)

const to = (target: number, userData: number, res: number): Sqe => ({
  op: abi.OP_MSG_RING,
  fd: target,
  off: userData,
  len: res,
})

export function ringing({ prove, make }: Contract): void {
  /** With a second loop. */
  const withOther = (title: string, body: (rig: Rig, other: Rig) => void): void =>
    prove(title, (rig) => {
      const other = make({ sqEntries: 4, cqEntries: 8 })
      try {
        body(rig, other)
      } finally {
        other.close()
      }
    })

  withOther('the target gets user_data and result, the sender 0', (rig, other) => {
    expect(rig.one(to(ringOf(other), 4711, 42)).res).toBe(0)
    expect(other.wait()).toEqual([{ id: 4711, res: 42, more: false, buffer: undefined }])
    expect(other.one(to(ringOf(rig), 815, -7)).res).toBe(0)
    expect(rig.wait()).toEqual([{ id: 815, res: -7, more: false, buffer: undefined }])
    expect([rig.settle(5), other.settle(5)]).toEqual([[], []])
  })

  withOther('messages keep their order', (rig, other) => {
    for (let i = 0; i < 6; i++) rig.submit({ ...to(ringOf(other), 100 + i, i), flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    rig.enter()
    expect(other.wait(6).map((cqe) => cqe.id)).toEqual([100, 101, 102, 103, 104, 105])
  })

  withOther('flags are passed where asked for', (rig, other) => {
    const pass = { opFlags: abi.MSG_RING_FLAGS_PASS, fileIndex: abi.CQE_FLAG_MORE }
    expect(rig.one({ ...to(ringOf(other), 1, 2), ...pass }).res).toBe(0)
    expect(other.wait()).toEqual([{ id: 1, res: 2, more: true, buffer: undefined }])
  })

  prove('a loop may write to itself', (rig) => {
    const id = rig.submit(to(ringOf(rig), 77, 5))
    const cqes = rig.wait(2).map((cqe) => [cqe.id, cqe.res])
    expect(cqes.sort()).toEqual(
      [
        [id, 0],
        [77, 5],
      ].sort(),
    )
  })

  withOther('more than the CQ of the target holds: nothing is lost, and all in order', (rig, other) => {
    for (let i = 0; i < 200; i++) {
      rig.submit({ ...to(ringOf(other), 1000 + i, i), flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      if (i % 40 === 39) rig.enter()
    }
    const seen: number[] = []
    while (seen.length < 200) seen.push(...other.wait().map((cqe) => cqe.res))
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  withOther('mistakes: what is no loop, and what is no message', (rig, other) => {
    const target = ringOf(other)
    const [ours] = rig.pair()
    const cases: readonly [Sqe, string | number][] = [
      [to(99_999, 1, 1), 'EBADF'],
      [to(-1, 1, 1), 'EBADF'],
      [to(ours, 1, 1), abi.EBADFD],
      [{ ...to(target, 1, 1), addr: 7 }, 'EINVAL'],
      [{ ...to(target, 1, 1), opFlags: 1 << 5 }, 'EINVAL'],
      [{ ...to(target, 1, 1), fileIndex: 1 }, 'EINVAL'],
      [{ ...to(target, 1, 1), group: 1 }, 'EINVAL'],
      [{ ...to(target, 1, 1), ioprio: 1 }, 'EINVAL'],
      [{ ...to(target, 1, 1), flags: abi.SQE_FLAG_BUFFER_SELECT }, 'ENOTSUP'],
    ]
    for (const [i, [sqe, error]] of cases.entries()) {
      const { res } = rig.one(sqe)
      expect([i, typeof error === 'number' ? -res : name(res)]).toEqual([i, error])
    }
    expect(other.settle(5)).toEqual([])
  })

  prove('a loop that is closed is no target any more', (rig) => {
    const other = make()
    const target = ringOf(other)
    other.close()
    expect([abi.EBADF, abi.EBADFD]).toContain(-rig.one(to(target, 1, 1)).res)
  })
}
