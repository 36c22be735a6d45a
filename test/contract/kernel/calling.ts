// Immediate calls: every one of them, executed in order, results in place.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { native } from '../../../src/kernel/native.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig } from '../rig.ts'
import { countPipeSignals } from '../signals.ts'

const SO_ERROR = 4
const SO_SNDBUF = 7

/** An iovec array of {offset, length} → its offset. */
function iovecs(rig: Rig, parts: readonly (readonly [number, number])[]): number {
  const at = rig.alloc(parts.length * 16)
  for (const [i, [offset, length]] of parts.entries()) {
    rig.view.setBigUint64(at + i * 16, rig.address(offset), true)
    rig.view.setBigUint64(at + i * 16 + 8, BigInt(length), true)
  }
  return at
}

export function calling({ prove }: Contract): void {
  prove('socket, bind, listen, getsockname, getpeername, options, shutdown, close', (rig) => {
    const { fd: listener, port } = rig.listen()
    expect(port).toBeGreaterThan(0)
    const one = { fd: listener, a: abi.SOL_SOCKET, b: abi.SO_REUSEADDR }
    expect(rig.call({ op: abi.CALL_SETSOCKOPT, ...one, c: 1 })).toBe(0)
    expect(rig.call({ op: abi.CALL_GETSOCKOPT, ...one })).toBe(1)
    const [ours, peer] = rig.pair()
    const mine = rig.alloc(16)
    const theirs = rig.alloc(16)
    expect(rig.call({ op: abi.CALL_GETPEERNAME, fd: ours, a: mine, b: 16 })).toBe(16)
    expect(rig.call({ op: abi.CALL_GETSOCKNAME, fd: peer, a: theirs, b: 16 })).toBe(16)
    expect(rig.text(mine, 16)).toBe(rig.text(theirs, 16))
    expect(rig.call({ op: abi.CALL_GETSOCKOPT, fd: ours, a: abi.SOL_SOCKET, b: SO_ERROR })).toBe(0)
    expect(rig.call({ op: abi.CALL_SHUTDOWN, fd: peer, a: abi.SHUT_WR })).toBe(0)
    expect(rig.call({ op: abi.CALL_CLOSE, fd: peer })).toBe(0)
    expect(name(rig.call({ op: abi.CALL_CLOSE, fd: peer }))).toBe('EBADF')
  })

  prove('a socket is made non-blocking', (rig) => {
    const { fd: listener } = rig.listen()
    // a blocking listener would hang here
    const id = rig.submit({ op: abi.OP_ACCEPT, fd: listener })
    expect(rig.settle(10)).toEqual([])
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id })
    expect(rig.wait(2)).toHaveLength(2)
  })

  prove('an address in use is said', (rig) => {
    const { port } = rig.listen()
    const second = rig.socket()
    const r = rig.call({ op: abi.CALL_BIND, fd: second, a: rig.loopback(port), b: 16 })
    expect(name(r)).toBe('EADDRINUSE')
  })

  prove('send and sendmsg carry bytes, short when the socket is full, then -EAGAIN', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    rig.receive(ours)
    expect(rig.send(peer, 'one ')).toBe(4)
    const [two, three] = [rig.store(Buffer.from('two ')), rig.store(Buffer.from('three'))]
    const parts = iovecs(rig, [
      [two, 4],
      [three, 5],
    ])
    expect(rig.call({ op: abi.CALL_SENDMSG, fd: peer, a: parts, b: 2, c: 9 })).toBe(9)
    let text = ''
    while (text.length < 13) for (const cqe of rig.wait()) text += rig.received(cqe).toString()
    expect(text).toBe('one two three')

    expect(rig.call({ op: abi.CALL_SETSOCKOPT, fd: peer, a: abi.SOL_SOCKET, b: SO_SNDBUF, c: 4096 })).toBe(0)
    const big = rig.alloc(1 << 20)
    let r = 0
    for (let i = 0; i < 64 && r >= 0; i++) r = rig.call({ op: abi.CALL_SEND, fd: peer, a: big, b: 1 << 20 })
    expect(name(r)).toBe('EAGAIN')
  })

  prove('a send to a closed connection says -EPIPE or -ECONNRESET and raises no signal', async (rig) => {
    const [ours, peer] = rig.pair()
    rig.shut(ours)
    rig.settle(5)
    const part = iovecs(rig, [[rig.alloc(1), 1]])
    const signals = await countPipeSignals(() => {
      rig.send(peer, 'x')
      rig.settle(5)
      expect(['EPIPE', 'ECONNRESET']).toContain(name(rig.send(peer, 'x')))
      expect(name(rig.send(peer, 'x'))).toBe('EPIPE')
      expect(name(rig.call({ op: abi.CALL_SENDMSG, fd: peer, a: part, b: 1, c: 1 }))).toBe('EPIPE')
    })
    expect(signals).toBe(0)
  })

  prove('operands outside the memory are -EFAULT, an unknown call is -EINVAL', (rig) => {
    const fd = rig.socket()
    const end = rig.bytes.length
    expect(name(rig.call({ op: abi.CALL_BIND, fd, a: end - 8, b: 16 }))).toBe('EFAULT')
    expect(name(rig.call({ op: abi.CALL_SEND, fd, a: 0xfffffff0, b: 64 }))).toBe('EFAULT')
    expect(name(rig.call({ op: abi.CALL_SENDMSG, fd, a: end - 8, b: 1 }))).toBe('EFAULT')
    const parts = iovecs(rig, [[end - 1, 2]])
    expect(name(rig.call({ op: abi.CALL_SENDMSG, fd, a: parts, b: 1, c: 2 }))).toBe('EFAULT')
    expect(name(rig.call({ op: 99, fd }))).toBe('EINVAL')
    expect(name(native().call(rig.loop, end - 32, 2))).toBe('EFAULT')
    expect(name(native().call(rig.loop, 4, 1))).toBe('EINVAL')
  })

  prove('enter executes its list first, in order, and counts what the core has to look at', (rig) => {
    const [, peer] = rig.pair()
    const at = rig.store(Buffer.from('abc'))
    rig.queueCalls({ op: abi.CALL_SEND, fd: peer, a: at, b: 1 }, { op: abi.CALL_SEND, fd: peer, a: at + 1, b: 2 })
    expect(rig.enter(0, 0, 2)).toBe(0)
    expect(rig.u32(abi.CONTROL_CALL_COUNT)).toBe(0)
    expect(rig.takeCalls()).toEqual([1, 2])
  })

  prove('results the core has not taken are not overwritten, and keep enter from blocking', (rig) => {
    const [, peer] = rig.pair()
    const at = rig.store(Buffer.from('abc'))
    rig.queueCalls({ op: abi.CALL_SEND, fd: peer, a: at, b: 1 })
    rig.enter(0, 0, 1)
    rig.queueCalls({ op: abi.CALL_SEND, fd: peer, a: at, b: 3 })
    expect(rig.enter(1, 2000, 1)).toBe(0)
    expect(rig.takeCalls()).toEqual([1, 3])
    expect(name(rig.enter(1, 5, 0))).toBe('ETIME')
  })

  prove('more calls than the list holds are refused', (rig) => {
    expect(name(rig.enter(0, 0, 65))).toBe('EINVAL')
  })

  prove('a send that fails or falls short keeps this enter from blocking, a whole one does not', (rig) => {
    const [ours, peer] = rig.narrowPair()
    const at = rig.alloc((1 << 22) >> 1)
    rig.queueCalls({ op: abi.CALL_SEND, fd: peer, a: at, b: 10 })
    expect(name(rig.enter(1, 5, 1))).toBe('ETIME')
    rig.takeCalls()
    const start = performance.now()
    // the peer's kernel may acknowledge, and so take, a little more some 40 ms later: full is what says so three times
    for (let i = 0, full = 0; i < 64 && full < 3; i++) {
      rig.queueCalls({ op: abi.CALL_SEND, fd: peer, a: at, b: 1 << 21 })
      const r = rig.enter(1, 2, 1)
      const [sent = 0] = rig.takeCalls()
      expect(name(r)).toBe(sent < 1 << 21 ? 0 : 'ETIME')
      full = name(sent) === 'EAGAIN' ? full + 1 : 0
      if (full > 0) rig.settle(60)
    }
    const parts = iovecs(rig, [[at, 100]])
    rig.queueCalls({ op: abi.CALL_SENDMSG, fd: peer, a: parts, b: 1, c: 100 })
    expect(rig.enter(1, 2000, 1)).toBe(0)
    expect(rig.takeCalls().map(name)).toEqual(['EAGAIN'])
    rig.queueCalls({ op: abi.CALL_CLOSE, fd: 99_999 })
    expect(rig.enter(1, 2000, 1)).toBe(0)
    expect(performance.now() - start).toBeLessThan(1500)
    rig.takeCalls()
    rig.queueCalls({ op: abi.CALL_SHUTDOWN, fd: ours, a: abi.SHUT_RDWR })
    expect(name(rig.enter(1, 5, 1))).toBe('ETIME')
  })
}
