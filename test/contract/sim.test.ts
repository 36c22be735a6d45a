// The contract, kept by the simulated kernel. What needs a second thread, process or signal of a machine is skipped.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import * as simAbi from '../../assembly/sim/abi.ts'
import { packageRoot } from '../../src/kernel/package-root.ts'
import { sim } from './fixtures/sim.ts'
import { contract } from './kernel.contract.ts'
import { name } from './rig.ts'
import { SimRig } from './sim-rig.ts'

const OUTSIDE = 'needs another process or thread, which the simulated machine has not'

contract('sim', (options) => new SimRig(options), {
  'asked to gather, it goes on for a moment once something has come': OUTSIDE,
  'a signal does not end the wait': OUTSIDE,
  'a poll wakes an enter that waits': OUTSIDE,
  'the clocks are those of the machine': 'time is virtual',
  'a duplicate that lives on does not report for the closed number once its op ended':
    'the simulated machine duplicates no descriptors',
  'part messaging': 'the simulated machine has no datagrams',
  'part batching': 'the simulated machine has no datagrams',
  'a socket that cannot send without copying: -EOPNOTSUPP, and the notification':
    'the simulated machine has no Unix sockets, and those of TCP can',
  'sendfile: places beyond 4 GiB': 'a file of the simulated disk ends at 64 MiB',
  'mmap and send: places beyond 4 GiB': 'a file of the simulated disk ends at 64 MiB',
  'residency: what does not lie in memory yet is fetched; a hole is nothing to fetch':
    'all of the simulated disk is in memory, and has no holes',
})

test('the errno numbers that the module is compiled with are those of the machine', () => {
  const text = readFileSync(join(packageRoot(), 'shim', 'sim', 'include', 'errno.h'), 'utf8')
  const numbers = [...text.matchAll(/^#define (E\w+) (\d+)$/gm)].map(
    ([, key = '', value]) => [key, Number(value)] as const,
  )
  const known: Readonly<Record<string, number>> = { ...constants.errno, EUSERS: 87 } // Node does not name it
  expect(numbers.length).toBeGreaterThan(30)
  for (const [key, value] of numbers) if (key in known) expect([key, value]).toEqual([key, known[key]])
})

test('a file that is slow to come is not in memory, once: PREAD says -EAGAIN, PREAD_WAIT waits', () => {
  const rig = new SimRig()
  try {
    rig.machine().putFile('/slow', Buffer.from('slowly'))
    const a = rig.store(Buffer.from('/slow\0'))
    const fd = rig.own(rig.call({ op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a, b: abi.O_RDONLY }))
    const read = { op: abi.CALL_PREAD, fd, a: rig.alloc(8), b: 8, c: 0 } as const
    const late = (): unknown => sim.script(rig.loop, simAbi.SIM_FAULT_DELAY, 1)
    late()
    expect(name(rig.call(read))).toBe('EAGAIN')
    expect(rig.call(read)).toBe(6)
    late()
    expect(rig.call({ ...read, op: abi.CALL_PREAD_WAIT })).toBe(6)
    expect(rig.call({ op: abi.CALL_RESIDENT, fd, a: 1, b: 6 })).toBe(0) // which the wait has left to come
    expect(rig.call({ op: abi.CALL_RESIDENT, fd, a: 1, b: 6 })).toBe(6)
  } finally {
    rig.close()
  }
})
