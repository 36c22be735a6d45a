// More receives than buffers, over readiness: whoever finds none waits for the next enter instead of ending, as long as
// the enter has brought something. With 500 connections every second receive ended and was armed again.
import { expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { Rig } from './rig.ts'

for (const [name, kernel] of [
  ['epoll', abi.KERNEL_EPOLL],
  ['poll', abi.KERNEL_POLL],
] as const) {
  test(`${name}: receives without a buffer wait while others have brought something, and only then end`, () => {
    const rig = new Rig(kernel, { buffers: 2 })
    rig.provideAll()
    const pairs = Array.from({ length: 5 }, () => rig.pair())
    for (const [ours] of pairs) rig.receive(ours)
    rig.enter()
    for (const [, peer] of pairs) rig.send(peer, 'hello')
    const seen: number[] = []
    while (seen.length < 4) {
      const cqes = rig.wait(1)
      for (const cqe of cqes) {
        expect(cqe).toMatchObject({ res: 5, more: true })
        seen.push(cqe.id)
      }
      if (seen.length < 4) rig.provide(...cqes.map((cqe) => cqe.buffer as number))
    }
    expect(new Set(seen).size).toBe(4)
    expect(rig.wait(1)).toMatchObject([{ res: -abi.ENOBUFS, more: false }]) // nobody gave a buffer back
    rig.close()
  })
}
