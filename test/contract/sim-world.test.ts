// What only the simulated kernel has: peers, faults by script and by chance, a disk that can lose, one run per seed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import * as simAbi from '../../assembly/sim/abi.ts'
import { packageRoot } from '../../src/kernel/package-root.ts'
import { sim } from './fixtures/sim.ts'
import { name, RECEIVE, type RigOptions } from './rig.ts'
import { SimRig } from './sim-rig.ts'

const MILLION = 1_000_000
const AT_FDCWD = -100
const O_RDWR_CREAT = 0o102

function simulated(title: string, body: (rig: SimRig) => void, options?: RigOptions): void {
  test(title, () => {
    const rig = new SimRig(options)
    try {
      body(rig)
    } finally {
      rig.close()
    }
  })
}

/** A peer that has connected to a listener of the loop, and our end. */
function accepted(rig: SimRig): { peer: number; ours: number } {
  const { fd, port } = rig.listen()
  const peer = sim.connect(rig.loop, port)
  expect(peer).toBeGreaterThan(0)
  const ours = rig.own(rig.one({ op: abi.OP_ACCEPT, fd, opFlags: abi.SOCK_NONBLOCK }).res)
  return { peer, ours }
}

function peerSend(rig: SimRig, peer: number, text: string): number {
  return sim.send(rig.loop, peer, rig.store(Buffer.from(text)), text.length)
}

/** What a peer receives: text, or the errno's name; '' at the end. */
function peerReceive(rig: SimRig, peer: number): string {
  const at = rig.alloc(4096)
  const n = sim.recv(rig.loop, peer, at, 4096)
  return n < 0 ? String(name(n)) : rig.text(at, n)
}

function openFile(rig: SimRig, path: string): number {
  const addr = rig.address(rig.store(Buffer.from(`${path}\0`)))
  return rig.own(rig.one({ op: abi.OP_OPENAT, fd: AT_FDCWD, addr, opFlags: O_RDWR_CREAT, len: 0o600 }).res)
}

function write(rig: SimRig, fd: number, text: string, off = 0): number {
  const addr = rig.address(rig.store(Buffer.from(text)))
  return rig.one({ op: abi.OP_WRITE, fd, addr, len: text.length, off }).res
}

describe('peers', () => {
  simulated('a client connects, both talk, both end', (rig) => {
    const { peer, ours } = accepted(rig)
    rig.provideAll()
    rig.receive(ours)
    expect(peerSend(rig, peer, 'hello')).toBe(5)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('hello')
    expect(peerReceive(rig, peer)).toBe('EAGAIN')
    expect(rig.send(ours, 'welcome')).toBe(7)
    expect(peerReceive(rig, peer)).toBe('welcome')
    sim.shutdown(rig.loop, peer)
    expect(rig.wait()[0]).toMatchObject({ res: 0, more: false })
    expect(name(peerSend(rig, peer, 'more'))).toBe('EPIPE')
    rig.shut(ours)
    expect(peerReceive(rig, peer)).toBe('')
    expect(sim.close(rig.loop, peer)).toBe(0)
    expect(rig.stat(simAbi.SIM_STAT_PEERS)).toBe(0)
    expect(name(sim.close(rig.loop, peer))).toBe('EBADF')
  })

  simulated('a server is connected to, refuses once it listens no more, and nobody knows its port before', (rig) => {
    expect(name(rig.one(rig.connecting(rig.socket(), 9000)).res)).toBe('ECONNREFUSED')
    expect(sim.listen(rig.loop, 9000, 8)).toBe(0)
    expect(name(sim.listen(rig.loop, 9000, 8))).toBe('EADDRINUSE')
    expect(name(sim.accept(rig.loop, 9000))).toBe('EAGAIN')
    const fd = rig.socket()
    expect(rig.one(rig.connecting(fd, 9000)).res).toBe(0)
    const peer = sim.accept(rig.loop, 9000)
    expect(rig.send(fd, 'query')).toBe(5)
    expect(peerReceive(rig, peer)).toBe('query')
    sim.reset(rig.loop, peer)
    rig.provideAll()
    rig.receive(fd)
    expect(name(rig.wait()[0]!.res)).toBe('ECONNRESET')
    expect(sim.unlisten(rig.loop, 9000)).toBe(0)
    expect(name(rig.one(rig.connecting(rig.socket(), 9000)).res)).toBe('ECONNREFUSED')
    expect(name(sim.connect(rig.loop, 9000))).toBe('ECONNREFUSED')
  })

  simulated('a window that is full holds up its sender, on either side', (rig) => {
    sim.window(rig.loop, 1000)
    const { peer, ours } = accepted(rig)
    const big = rig.alloc(5000)
    expect(sim.send(rig.loop, peer, big, 5000)).toBe(1000)
    expect(name(sim.send(rig.loop, peer, big, 1))).toBe('EAGAIN')
    expect(rig.stat(simAbi.SIM_STAT_BYTES)).toBe(1000)
    const opFlags = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
    const id = rig.submit({ op: abi.OP_SEND, fd: ours, addr: rig.address(big), len: 2500, opFlags })
    expect(rig.settle()).toEqual([])
    for (const length of [1000, 1000, 500]) {
      expect(sim.recv(rig.loop, peer, big, 5000)).toBe(length)
      rig.enter()
    }
    expect(rig.take().map((cqe) => [cqe.id, cqe.res])).toEqual([[id, 2500]])
  })

  simulated('a partition holds back, and loses nothing; a connect into one times out', (rig) => {
    sim.listen(rig.loop, 9000, 8)
    const { peer, ours } = accepted(rig)
    rig.provideAll()
    rig.receive(ours)
    expect(sim.partition(rig.loop, 0, 1)).toBe(0)
    peerSend(rig, peer, 'late')
    expect(rig.settle(1000)).toEqual([])
    const [cqe] = ((): ReturnType<SimRig['take']> => {
      rig.submit(rig.connecting(rig.socket(), 9000))
      rig.enter(1, -1)
      return rig.take()
    })()
    expect(name(cqe!.res)).toBe('ETIMEDOUT')
    expect(sim.partition(rig.loop, 0, 0)).toBe(0)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('late')
  })
})

describe('time', () => {
  simulated('a wait for ever in which nothing will happen returns, and is counted', (rig) => {
    expect(rig.enter(1, -1)).toBe(0)
    expect(rig.stat(simAbi.SIM_STAT_IDLE)).toBe(1)
    const { ours } = accepted(rig)
    rig.provideAll()
    rig.receive(ours)
    expect(rig.enter(1, -1)).toBe(0)
    expect(rig.stat(simAbi.SIM_STAT_IDLE)).toBe(2)
  })

  simulated('it passes by waiting and by being told to, and fires what is due', (rig) => {
    const { clock } = rig.machine()
    const at = rig.alloc(16)
    rig.view.setBigInt64(at, 3600n, true)
    rig.submit({ op: abi.OP_TIMEOUT, addr: rig.address(at), len: 1 })
    const start = clock()
    expect(rig.enter(1, -1)).toBe(1)
    const hour = Number(clock() - start) / 1e9
    expect(Math.abs(hour - 3600)).toBeLessThan(0.001)
    rig.take()
    sim.advance(rig.loop, 5 * MILLION)
    rig.enter()
    expect(Number(clock() - start) / 1e9).toBeGreaterThan(3604)
  })
})

describe('faults, by script', () => {
  const script = (rig: SimRig, fault: number, nth = 1): void => {
    expect(sim.script(rig.loop, fault, nth)).toBe(0)
  }

  simulated('a short send, a send that takes nothing for a while, a reset, a broken pipe', (rig) => {
    const { peer, ours } = accepted(rig)
    script(rig, simAbi.SIM_FAULT_SHORT_WRITE)
    const n = rig.send(ours, 'x'.repeat(1000))
    expect(n).toBeGreaterThan(0)
    expect(n).toBeLessThanOrEqual(1000)
    expect(rig.stat(simAbi.SIM_FAULT_SHORT_WRITE)).toBe(1)
    script(rig, simAbi.SIM_FAULT_AGAIN)
    expect(name(rig.send(ours, 'x'))).toBe('EAGAIN')
    const addr = rig.address(rig.store(Buffer.from('y')))
    expect(rig.one({ op: abi.OP_SEND, fd: ours, addr, len: 1, opFlags: abi.MSG_NOSIGNAL }).res).toBe(1)
    script(rig, simAbi.SIM_FAULT_PIPE)
    expect(name(rig.send(ours, 'x'))).toBe('EPIPE')
    expect(peerReceive(rig, peer)).toContain('y')
    expect(peerReceive(rig, peer)).toBe('ECONNRESET')
    const second = accepted(rig)
    rig.provideAll()
    rig.receive(second.ours)
    rig.enter()
    peerSend(rig, second.peer, 'data')
    script(rig, simAbi.SIM_FAULT_RESET)
    expect(['data', 'ECONNRESET']).toContain(
      ((cqe): unknown => (cqe.res > 0 ? rig.received(cqe).toString() : name(cqe.res)))(rig.wait()[0]!),
    )
  })

  simulated('the second opportunity, and no other', (rig) => {
    script(rig, simAbi.SIM_FAULT_MFILE, 2)
    const results = [1, 2, 3].map(() => rig.call({ op: abi.CALL_SOCKET, a: abi.AF_INET, b: abi.SOCK_STREAM }))
    expect(results.map((fd) => (fd < 0 ? name(fd) : 'open'))).toEqual(['open', 'EMFILE', 'open'])
  })

  simulated('a multishot that ends with data, and serves again once re-armed', (rig) => {
    const { peer, ours } = accepted(rig)
    rig.provideAll()
    rig.receive(ours)
    rig.enter()
    script(rig, simAbi.SIM_FAULT_MULTISHOT_END)
    peerSend(rig, peer, 'one')
    const [last] = rig.wait()
    expect([last!.more, rig.received(last!).toString()]).toEqual([false, 'one'])
    peerSend(rig, peer, 'two')
    expect(rig.settle()).toEqual([])
    rig.receive(ours)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('two')
  })

  simulated('no buffer, only while the core holds some', (rig) => {
    const { peer, ours } = accepted(rig)
    rig.provideAll()
    rig.receive(ours)
    rig.enter()
    script(rig, simAbi.SIM_FAULT_NOBUFS)
    peerSend(rig, peer, 'a')
    const [first] = rig.wait()
    expect(rig.received(first!).toString()).toBe('a')
    peerSend(rig, peer, 'b')
    expect(rig.wait().map((cqe) => [name(cqe.res), cqe.more])).toEqual([['ENOBUFS', false]])
    rig.receive(ours)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('b')
  })

  simulated('delayed: later, but not lost, and cancelled like any op', (rig) => {
    script(rig, simAbi.SIM_FAULT_DELAY)
    const { peer, ours } = accepted(rig) // its accept is delayed
    peerSend(rig, peer, 'x')
    script(rig, simAbi.SIM_FAULT_DELAY)
    const at = rig.address(rig.alloc(8))
    const id = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 8 })
    rig.enter()
    expect(rig.take()).toEqual([])
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res)])).toEqual([[id, 'ECANCELED']])
    expect(rig.one({ op: abi.OP_RECV, fd: ours, addr: at, len: 8 }).res).toBe(1)
  })

  simulated('disk errors, interruptions, want of memory', (rig) => {
    const fd = openFile(rig, '/log')
    script(rig, simAbi.SIM_FAULT_DISK_ERROR)
    expect(name(write(rig, fd, 'lost'))).toBe('EIO')
    script(rig, simAbi.SIM_FAULT_INTR)
    expect(name(write(rig, fd, 'lost'))).toBe('EINTR')
    script(rig, simAbi.SIM_FAULT_NOMEM)
    expect(name(write(rig, fd, 'lost'))).toBe('ENOMEM')
    expect(rig.fileText('/log', false)).toBe('')
    expect(write(rig, fd, 'kept')).toBe(4)
    expect(rig.fileText('/log', false)).toBe('kept')
  })

  simulated('what makes no sense is refused', (rig) => {
    expect(name(sim.script(rig.loop, simAbi.SIM_FAULTS, 1))).toBe('EINVAL')
    expect(name(sim.fault(rig.loop, 0, MILLION + 1))).toBe('EINVAL')
    expect(name(sim.stat(rig.loop, simAbi.SIM_STATS))).toBe('EINVAL')
    expect(name(sim.send(rig.loop, 7, 0, 1))).toBe('EBADF')
    expect(name(sim.connect(-1, 1))).toBe('EBADF')
    rig.enter()
    expect(name(sim.seed(rig.loop, 1, 2))).toBe('EBUSY')
  })
})

describe('the disk', () => {
  simulated('a crash loses what was not synced', (rig) => {
    const fd = openFile(rig, '/log')
    write(rig, fd, 'first')
    expect(rig.one({ op: abi.OP_FSYNC, fd }).res).toBe(0)
    write(rig, fd, 'second')
    openFile(rig, '/never-synced')
    expect([rig.fileText('/log', false), rig.fileText('/log', true)]).toEqual(['second', 'first'])
    sim.crash(rig.loop)
    expect(rig.fileText('/log', false)).toBe('first')
    expect(() => rig.fileText('/never-synced', false)).toThrow('ENOENT')
  })

  simulated('a torn write is durable in whole sectors, and in part', (rig) => {
    const fd = openFile(rig, '/log')
    const sizes = new Set<number>()
    for (let i = 0; i < 30; i++) {
      sim.script(rig.loop, simAbi.SIM_FAULT_TORN_WRITE, 1)
      write(rig, fd, String.fromCharCode(97 + i).repeat(4000))
      const durable = rig.fileText('/log', true)
      const part = [...durable].filter((c) => c === String.fromCharCode(97 + i)).length
      expect(part % 512).toBe(0)
      expect(part).toBeLessThan(4000)
      sizes.add(part)
    }
    expect(sizes.size).toBeGreaterThan(3)
  })
})

describe('features', () => {
  simulated('are those that were asked for, of those that it has', (rig) => {
    expect(rig.u32(abi.CONTROL_FEATURES)).toBe(0)
    expect(sim.features(rig.loop, abi.FEATURE_SEND_SQE | abi.FEATURE_BUNDLE)).toBe(abi.FEATURE_SEND_SQE)
    expect(rig.u32(abi.CONTROL_FEATURES)).toBe(abi.FEATURE_SEND_SQE)
  })

  simulated('a zero-copy send says when its memory is free, and that it was touched before', (rig) => {
    const { peer, ours } = accepted(rig)
    const at = rig.store(Buffer.from('zero copy'))
    const id = rig.submit({ op: abi.OP_SEND_ZC, fd: ours, addr: rig.address(at), len: 9, opFlags: abi.MSG_NOSIGNAL })
    const cqes = rig.wait(2)
    expect(cqes.map((cqe) => [cqe.id, cqe.res, cqe.more])).toEqual([
      [id, 9, true],
      [id, 0, false],
    ])
    expect(peerReceive(rig, peer)).toBe('zero copy')
    rig.shut(ours)
    rig.submit({ op: abi.OP_SEND_ZC, fd: ours, addr: rig.address(at), len: 9, opFlags: abi.MSG_NOSIGNAL })
    expect(rig.wait(2).map((cqe) => [name(cqe.res), cqe.more])).toEqual([
      ['EBADF', true],
      [0, false],
    ])
    expect(rig.stat(simAbi.SIM_STAT_TORN_SENDS)).toBe(0)
  })

  simulated('incremental buffers are continued until they are full', (rig) => {
    const control = rig.u32(abi.CONTROL_BUFFER_MODE)
    expect(control).toBe(abi.BUFFERS_PLAIN)
    const { peer, ours } = accepted(rig)
    rig.view.setUint32(abi.CONTROL_BUFFER_MODE, abi.BUFFERS_INCREMENTAL, true) // read at each receive
    rig.provide(3)
    rig.receive(ours)
    const flags: boolean[] = []
    for (const text of ['a'.repeat(600), 'b'.repeat(424), 'c']) {
      peerSend(rig, peer, text)
      rig.enter(1)
      const at = rig.u32(abi.CONTROL_CQES) + (rig.u32(rig.u32(abi.CONTROL_CQ_HEAD)) % 256) * abi.CQE_BYTES
      flags.push((rig.u32(at + abi.CQE_FLAGS) & abi.CQE_FLAG_BUF_MORE) !== 0)
      const [cqe] = rig.take()
      expect(name(cqe!.res)).toBe(text === 'c' ? 'ENOBUFS' : text.length)
    }
    expect(flags).toEqual([true, false, false])
    expect(rig.text(rig.bufferAt(3), 1024)).toBe('a'.repeat(600) + 'b'.repeat(424))
  })
})

/** A little service under random faults → the digest of all that happened. */
function run(seed: number): { digest: string; faults: number } {
  const rig = new SimRig()
  try {
    sim.seed(rig.loop, seed, 0)
    for (let fault = 0; fault < simAbi.SIM_FAULTS; fault++) sim.fault(rig.loop, fault, 20_000)
    const { fd, port } = ((): { fd: number; port: number } => {
      for (;;) {
        try {
          return rig.listen()
        } catch {} // a fault
      }
    })()
    rig.provideAll()
    const start = rig.alloc(0)
    let accepting = false
    for (let turn = 0; turn < 200; turn++) {
      rig.rewind(start)
      if (!accepting) rig.submit({ op: abi.OP_ACCEPT, fd, ioprio: abi.ACCEPT_MULTISHOT, id: 1 })
      accepting = true
      const peer = sim.connect(rig.loop, port)
      if (peer > 0) peerSend(rig, peer, `turn ${turn}`)
      rig.enter(1, 1)
      for (const cqe of rig.take()) {
        if (cqe.id === 1 && cqe.res >= 0) rig.submit({ ...RECEIVE, fd: cqe.res, id: 1000 + cqe.res })
        if (cqe.id === 1 && !cqe.more) accepting = false
        if (cqe.buffer !== undefined) rig.provide(cqe.buffer)
      }
    }
    let faults = 0
    for (let fault = 0; fault < simAbi.SIM_FAULTS; fault++) faults += rig.stat(fault)
    return { digest: rig.digest(), faults }
  } finally {
    rig.close()
  }
}

describe('determinism', () => {
  test('the same seed gives the same run, another seed another', () => {
    const runs = [run(1), run(1), run(2)]
    expect(runs[0]).toEqual(runs[1])
    expect(runs[0]!.digest).not.toBe(runs[2]!.digest)
    expect(runs[0]!.faults).toBeGreaterThan(10)
  })

  test('random programs in C: one end for each SQE, bytes once and in order, the same seed the same run', () => {
    const path = join(packageRoot(), 'build', 'contract-sim')
    expect(existsSync(path), 'run `make contract-programs`').toBe(true)
    const { LD_PRELOAD: _, ASAN_OPTIONS: __, ...env } = process.env
    const seed = process.env.SEED ?? String(Date.now() % MILLION)
    const { status, stdout, stderr } = spawnSync(path, [seed, '25', '300'], { encoding: 'utf8', env, timeout: 100_000 })
    expect([status, stdout, stderr], `replay with SEED=${seed}`).toEqual([0, '', ''])
  }, 110_000)
})
