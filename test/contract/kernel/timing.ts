// Timeouts: relative, absolute, counted, removed; never early.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig, type Sqe } from '../rig.ts'

function timeout(rig: Rig, ns: bigint, rest: Partial<Sqe> = {}): Sqe {
  const at = rig.alloc(16)
  rig.view.setBigInt64(at, ns / 1_000_000_000n, true)
  rig.view.setBigInt64(at + 8, ns % 1_000_000_000n, true)
  return { op: abi.OP_TIMEOUT, addr: rig.address(at), len: 1, ...rest }
}

const MS = 1_000_000n

export function timing({ prove }: Contract): void {
  prove('relative: -ETIME after its time, never early', (rig) => {
    for (const ms of [1n, 7n, 25n]) {
      const { clock } = rig.machine()
      const start = clock()
      const id = rig.submit(timeout(rig, ms * MS))
      const [cqe] = rig.wait()
      expect(clock() - start).toBeGreaterThanOrEqual(ms * MS)
      expect([cqe!.id, name(cqe!.res)]).toEqual([id, 'ETIME'])
    }
  })

  prove('absolute: on CLOCK_MONOTONIC, the past at once', (rig) => {
    const opFlags = abi.TIMEOUT_ABS
    const { clock } = rig.machine()
    const at = clock() + 15n * MS
    rig.submit(timeout(rig, at, { opFlags }))
    expect(name(rig.wait()[0]!.res)).toBe('ETIME')
    expect(clock()).toBeGreaterThanOrEqual(at)
    expect(name(rig.one(timeout(rig, at - 1_000_000_000n, { opFlags })).res)).toBe('ETIME')
  })

  prove('many, in the order of their deadlines', (rig) => {
    const delays = [9n, 3n, 15n, 1n, 12n, 6n, 4n, 20n, 2n]
    const ids = new Map(delays.map((ms) => [rig.submit(timeout(rig, ms * MS)), ms]))
    const order = rig.wait(delays.length).map((cqe) => ids.get(cqe.id))
    expect(order).toEqual([...delays].sort((a, b) => Number(a - b)))
  })

  prove('a count of completions ends it with 0', (rig) => {
    const id = rig.submit(timeout(rig, 5000n * MS, { off: 2 }))
    rig.submit({ op: abi.OP_NOP })
    expect(rig.settle(5).map((cqe) => cqe.id)).not.toContain(id)
    rig.submit({ op: abi.OP_NOP })
    const cqe = rig.wait(2).find((each) => each.id === id)
    expect(cqe?.res).toBe(0)
  })

  prove('a counted timeout whose time comes first is -ETIME', (rig) => {
    const id = rig.submit(timeout(rig, 5n * MS, { off: 3 }))
    rig.submit({ op: abi.OP_NOP })
    expect(name(rig.wait(2).find((cqe) => cqe.id === id)!.res)).toBe('ETIME')
  })

  prove('removed: -ECANCELED, and 0 for the removal; a second removal is -ENOENT', (rig) => {
    const id = rig.submit(timeout(rig, 10_000n * MS))
    const removal = rig.submit({ op: abi.OP_TIMEOUT_REMOVE, addr: id })
    const results = new Map<number, string | number>(rig.wait(2).map((cqe) => [cqe.id, name(cqe.res)]))
    expect(results).toEqual(
      new Map<number, string | number>([
        [id, 'ECANCELED'],
        [removal, 0],
      ]),
    )
    expect(name(rig.one({ op: abi.OP_TIMEOUT_REMOVE, addr: id }).res)).toBe('ENOENT')
  })

  prove('cancelled like any op', (rig) => {
    const id = rig.submit(timeout(rig, 10_000n * MS))
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res)])).toEqual([[id, 'ECANCELED']])
  })

  prove('a timeout that is due ends a longer wait', (rig) => {
    rig.submit(timeout(rig, 10n * MS))
    const start = performance.now()
    expect(rig.enter(1, -1)).toBe(1)
    expect(performance.now() - start).toBeLessThan(1000)
    expect(rig.take()).toHaveLength(1)
  })

  prove('a deadline beyond the clock is never reached', (rig) => {
    const id = rig.submit(timeout(rig, 9_000_000_000_000_000_000n))
    expect(rig.settle(10)).toEqual([])
    rig.submit({ op: abi.OP_TIMEOUT_REMOVE, addr: id })
    expect(rig.wait(2)).toHaveLength(2)
  })

  prove('a negative time, a wrong length or unknown flags are -EINVAL', (rig) => {
    expect(name(rig.one(timeout(rig, -1_000_000_000n)).res)).toBe('EINVAL')
    expect(name(rig.one(timeout(rig, MS, { len: 2 })).res)).toBe('EINVAL')
    expect(name(rig.one(timeout(rig, MS, { opFlags: 1 << 20 })).res)).toBe('EINVAL')
  })
}
