// What one enter does: submit in order, wait for no longer than asked, and lose no completion.
import { spawn } from 'node:child_process'
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { ualarm } from '../fixtures/libc.ts'
import type { Contract } from '../kernel.contract.ts'
import { elapsedMs } from '../machine.ts'
import { RECEIVE } from '../rig.ts'

export function entering({ prove }: Contract): void {
  prove('SQEs are consumed in order, each with one completion', (rig) => {
    const ids = Array.from({ length: 10 }, () => rig.submit({ op: abi.OP_NOP }))
    expect(rig.enter(10)).toBe(10)
    expect(rig.take().map((cqe) => cqe.id)).toEqual(ids)
  })

  prove('one bad SQE gets its error and does not stop the batch', (rig) => {
    const ids = [abi.OP_NOP, 200, abi.OP_NOP].map((op) => rig.submit({ op }))
    expect(rig.wait(3)).toEqual(
      [0, -abi.EINVAL, 0].map((res, i) => ({ id: ids[i], res, more: false, buffer: undefined })),
    )
  })

  prove('with min 0 it never blocks', (rig) => {
    const start = performance.now()
    expect(rig.enter(0, -1)).toBe(0)
    expect(rig.enter(0, 1000)).toBe(0)
    expect(performance.now() - start).toBeLessThan(500)
  })

  prove('it says -ETIME when the time is up, not a moment early, and has submitted', (rig) => {
    const id = rig.submit({ op: abi.OP_NOP })
    for (const ms of [0.2, 3, 30]) {
      expect(elapsedMs(rig.machine(), () => expect(rig.enter(2, ms)).toBe(-abi.ETIME))).toBeGreaterThanOrEqual(ms)
    }
    expect(rig.take().map((cqe) => cqe.id)).toEqual([id])
  })

  prove('asked to gather, it goes on for a moment once something has come', (rig) => {
    const [one, peerOne] = rig.pair()
    const [two, peerTwo] = rig.pair()
    rig.provideAll()
    const armed = [one, two].map((fd) => rig.submit({ fd, ...RECEIVE }))
    rig.enter()
    // written by somebody else, because enter blocks us: one byte, and 20 ms later one for the other socket
    const writes = 'sleep 0.1; printf x >&3; sleep 0.02; printf y >&4'
    const write = (): void => {
      const stdio = ['ignore', 'ignore', 'ignore', peerOne, peerTwo] as const
      const env = { PATH: process.env.PATH } // without the sanitizer's preload, which makes a shell slow
      expect(spawn('sh', ['-c', writes], { stdio: [...stdio], env }).pid).toBeTypeOf('number')
    }
    rig.view.setUint32(abi.CONTROL_MIN_WAIT_NS, 900_000_000, true)
    write()
    expect(rig.enter(1, 5000)).toBe(2)
    expect(rig.take().map((cqe) => [cqe.id, cqe.res])).toEqual(armed.map((id) => [id, 1]))
    rig.view.setUint32(abi.CONTROL_MIN_WAIT_NS, 0, true)
    write()
    expect(rig.enter(1, 5000)).toBe(1)
    expect(rig.wait(2).map((cqe) => cqe.id)).toEqual(armed)
  })

  prove('completions that are there already end the wait at once', (rig) => {
    rig.submit({ op: abi.OP_NOP })
    rig.enter()
    const start = performance.now()
    expect(rig.enter(1, 5000)).toBe(1)
    expect(performance.now() - start).toBeLessThan(1000)
    expect(rig.take()).toHaveLength(1)
  })

  prove('a signal does not end the wait', (rig) => {
    const ignore = (): void => {}
    process.on('SIGALRM', ignore)
    try {
      ualarm(10_000, 10_000)
      const start = performance.now()
      expect(rig.enter(1, 80)).toBe(-abi.ETIME)
      expect(performance.now() - start).toBeGreaterThanOrEqual(80)
    } finally {
      ualarm(0, 0)
      process.off('SIGALRM', ignore)
    }
  })

  prove(
    'a full CQ drops nothing: the rest comes with later enters, in order',
    (rig) => {
      const ids: number[] = []
      for (let batch = 0; batch < 5; batch++) {
        for (let i = 0; i < 4; i++) ids.push(rig.submit({ op: abi.OP_NOP }))
        rig.enter()
        expect(rig.ready()).toBe(4)
      }
      const taken: number[] = []
      while (taken.length < ids.length) {
        taken.push(...rig.take(3).map((cqe) => cqe.id))
        rig.enter()
      }
      expect(taken).toEqual(ids)
      expect(rig.settle(5)).toEqual([])
    },
    { sqEntries: 4, cqEntries: 4 },
  )

  prove(
    'min is at most the size of the CQ',
    (rig) => {
      for (let i = 0; i < 4; i++) rig.submit({ op: abi.OP_NOP })
      expect(rig.enter(100, 2000)).toBe(4)
      expect(rig.take()).toHaveLength(4)
    },
    { sqEntries: 4, cqEntries: 4 },
  )

  prove('the clocks are those of the machine', (rig) => {
    rig.enter()
    const monotonic = rig.view.getBigUint64(abi.CONTROL_MONOTONIC_NS, true)
    expect(Math.abs(Number(process.hrtime.bigint() - monotonic))).toBeLessThan(5e8)
    const real = Number(rig.view.getBigUint64(abi.CONTROL_REALTIME_MS, true))
    expect(Math.abs(Date.now() - real)).toBeLessThan(500)
  })

  prove('it counts its enters and those that were ready to block', (rig) => {
    const count = (at: number): number => Number(rig.view.getBigUint64(at, true))
    const [enters, waits] = [count(abi.CONTROL_ENTERS), count(abi.CONTROL_WAITS)]
    rig.enter(0)
    rig.enter(1, 1)
    expect([count(abi.CONTROL_ENTERS) - enters, count(abi.CONTROL_WAITS) - waits]).toEqual([2, 1])
  })

  prove(
    'a memory that is not shared serves as well',
    (rig) => {
      const [ours, peer] = rig.pair()
      rig.provideAll()
      rig.receive(ours)
      rig.send(peer, 'hello')
      expect(rig.received(rig.wait()[0]!).toString()).toBe('hello')
    },
    { shared: false },
  )

  prove('SQEs and CQEs wrap around the ends of their rings', (rig) => {
    for (let i = 0; i < 1000; i++) {
      const id = rig.submit({ op: abi.OP_NOP })
      expect(rig.wait().map((cqe) => cqe.id)).toEqual([id])
    }
  })
}
