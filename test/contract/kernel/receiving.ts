// Receive: multishot into provided buffers and one-shot into place; how a stream ends; buffers as backpressure.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Cqe, name, RECEIVE, type Rig } from '../rig.ts'
import { message } from './sending.ts'

const ONE_SHOT = { op: abi.OP_RECV } as const
const SELECT = { op: abi.OP_RECV, flags: abi.SQE_FLAG_BUFFER_SELECT, group: abi.BUF_GROUP } as const

/** Receives until the multishot ends, giving each buffer back; → the text and the final completion. */
function drain(rig: Rig): { text: string; last: Cqe } {
  let text = ''
  for (;;) {
    for (const cqe of rig.wait()) {
      if (cqe.buffer !== undefined) {
        text += rig.received(cqe).toString('latin1')
        rig.provide(cqe.buffer)
      }
      if (!cqe.more) return { text, last: cqe }
    }
  }
}

export function receiving({ prove }: Contract): void {
  prove('multishot: bytes come with F_MORE and their buffer, in the order of the buffers', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provide(5, 3, 7)
    const id = rig.receive(ours)
    for (const [text, buffer] of [
      ['first', 5],
      ['second', 3],
      ['third', 7],
    ] as const) {
      rig.send(peer, text)
      const [cqe] = rig.wait()
      expect(cqe).toEqual({ id, res: text.length, more: true, buffer })
      expect(rig.received(cqe!).toString()).toBe(text)
    }
  })

  prove('data, then 0: the end of the stream ends the multishot and takes no buffer', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provide(0, 1)
    const id = rig.receive(ours)
    rig.send(peer, 'last words')
    rig.call({ op: abi.CALL_SHUTDOWN, fd: peer, a: abi.SHUT_WR })
    const cqes = rig.wait(2)
    expect(cqes).toEqual([
      { id, res: 10, more: true, buffer: 0 },
      { id, res: 0, more: false, buffer: undefined },
    ])
    expect(rig.settle()).toEqual([])
    const [ours2, peer2] = rig.pair()
    rig.receive(ours2)
    rig.send(peer2, 'x')
    expect(rig.wait()[0]!.buffer).toBe(1)
  })

  prove('messages of exactly a buffer, of several, and of less, again and again: every byte, in order', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    rig.receive(ours)
    let sent = 0
    let heard = 0
    for (const parts of [1, 1, 2, 1, 3, 0.5, 1, 4, 1.5, 2, 2, 0.25, 1]) {
      const bytes = Buffer.from(
        Array.from({ length: rig.bufferBytes * parts }, (_, i) => ((sent + i) * 7 + parts) & 255),
      )
      rig.send(peer, bytes)
      sent += bytes.length
      const got: Buffer[] = []
      while (heard < sent) {
        for (const cqe of rig.wait()) {
          expect(cqe).toMatchObject({ more: true })
          got.push(rig.received(cqe))
          heard += cqe.res
          rig.provide(cqe.buffer!)
        }
      }
      expect(Buffer.concat(got).equals(bytes)).toBe(true)
    }
  })

  prove('after a half-close the other half still sends', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    rig.receive(ours)
    rig.call({ op: abi.CALL_SHUTDOWN, fd: peer, a: abi.SHUT_WR })
    expect(rig.wait()[0]).toMatchObject({ res: 0, more: false })
    expect(rig.send(ours, 'still here')).toBe(10)
    rig.receive(peer)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('still here')
  })

  prove('data, then -ECONNRESET', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    const id = rig.receive(ours)
    rig.send(peer, 'data')
    expect(rig.received(rig.wait()[0]!).toString()).toBe('data')
    rig.machine().resetOnClose(peer)
    rig.shut(peer)
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res), cqe.more])).toEqual([[id, 'ECONNRESET', false]])
    expect(rig.settle()).toEqual([])
  })

  prove('one-shot: into its address, up to its length, once', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.alloc(16)
    const id = rig.submit({ ...ONE_SHOT, fd: ours, addr: rig.address(at), len: 4 })
    expect(rig.settle(5)).toEqual([])
    rig.send(peer, 'abcdefgh')
    expect(rig.wait()).toEqual([{ id, res: 4, more: false, buffer: undefined }])
    expect(rig.text(at, 8)).toBe('abcd\0\0\0\0')
    expect(rig.settle(5)).toEqual([])
    expect(rig.one({ ...ONE_SHOT, fd: ours, addr: rig.address(at), len: 16 }).res).toBe(4)
    expect(rig.text(at, 4)).toBe('efgh')
  })

  prove('one-shot with MSG_WAITALL waits for all of it, or the end', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.alloc(64)
    const whole = { ...ONE_SHOT, fd: ours, addr: rig.address(at), opFlags: abi.MSG_WAITALL }
    rig.submit({ ...whole, len: 10 })
    for (const text of ['abc', 'def', 'ghi']) {
      rig.send(peer, text)
      expect(rig.settle(5)).toEqual([])
    }
    rig.send(peer, 'jkl')
    expect(rig.wait()[0]!.res).toBe(10)
    expect(rig.text(at, 10)).toBe('abcdefghij')
    rig.submit({ ...whole, len: 10 })
    expect(rig.settle(5)).toEqual([])
    rig.shut(peer)
    expect(rig.wait()[0]!.res).toBe(2)
  })

  prove('one-shot with a buffer: the length asked for, or the whole buffer', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provide(4, 6)
    rig.send(peer, 'abcdef')
    const first = rig.one({ ...SELECT, fd: ours, len: 2 })
    expect(first).toMatchObject({ res: 2, more: false, buffer: 4 })
    const second = rig.one({ ...SELECT, fd: ours })
    expect(second).toMatchObject({ res: 4, more: false, buffer: 6 })
    expect(rig.received(second).toString()).toBe('cdef')
    expect(name(rig.one({ ...SELECT, fd: ours }).res)).toBe('ENOBUFS')
  })

  prove('MSG_DONTWAIT does not wait: -EAGAIN', (rig) => {
    const [ours] = rig.pair()
    const at = rig.address(rig.alloc(8))
    expect(name(rig.one({ ...ONE_SHOT, fd: ours, addr: at, len: 8, opFlags: 0x40 }).res)).toBe('EAGAIN')
  })

  prove('no buffer is -ENOBUFS, ends the multishot, and loses no byte', (rig) => {
    const [ours, peer] = rig.pair()
    const id = rig.receive(ours)
    rig.send(peer, 'kept')
    expect(rig.wait()).toEqual([{ id, res: -abi.ENOBUFS, more: false, buffer: undefined }])
    expect(rig.settle()).toEqual([])
    rig.provide(0)
    rig.receive(ours)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('kept')
  })

  prove(
    'a stream larger than all buffers arrives whole through starvation',
    (rig) => {
      const [ours, peer] = rig.pair()
      const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))
      rig.send(peer, data)
      rig.call({ op: abi.CALL_SHUTDOWN, fd: peer, a: abi.SHUT_WR })
      let starved = 0
      const received: Buffer[] = []
      for (let ended = false; !ended; ) {
        rig.provideAll()
        rig.receive(ours)
        for (let armed = true; armed; ) {
          for (const cqe of rig.wait()) {
            if (cqe.buffer !== undefined) received.push(rig.received(cqe))
            if (cqe.res === -abi.ENOBUFS) starved++
            else if (cqe.res <= 0) ended = true
            armed = cqe.more
          }
        }
      }
      expect(starved).toBeGreaterThan(5)
      expect(Buffer.concat(received).equals(data)).toBe(true)
    },
    { buffers: 4, bufferBytes: 128 },
  )

  prove(
    'a full CQ loses nothing; a multishot that ends for it is armed again',
    (rig) => {
      const [ours, peer] = rig.pair()
      rig.provideAll()
      const id = rig.receive(ours)
      const data = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 253))
      rig.send(peer, data)
      for (let i = 0; i < 5; i++) {
        rig.enter()
        expect(rig.ready()).toBe(4)
      }
      let text = ''
      while (text.length < data.length) {
        for (const cqe of rig.take(1)) {
          if (!cqe.more) rig.receive(ours, id)
          if (cqe.res === -abi.ENOBUFS) continue
          text += rig.received(cqe).toString('latin1')
          rig.provide(cqe.buffer!)
        }
        rig.enter()
      }
      expect(text).toBe(data.toString('latin1'))
    },
    { sqEntries: 4, cqEntries: 4, buffers: 64, bufferBytes: 64 },
  )

  prove(
    'one busy socket does not starve the others',
    (rig) => {
      const [ours, peer] = rig.pair()
      rig.provideAll()
      rig.receive(ours, 1000)
      const quiet = Array.from({ length: 5 }, (_, i) => {
        const [mine, theirs] = rig.pair()
        rig.receive(mine, 2000 + i)
        return theirs
      })
      rig.enter()
      const flood = rig.alloc(1 << 16)
      const seen = new Set<number>()
      const fill = (): number => rig.call({ op: abi.CALL_SEND, fd: peer, a: flood, b: 1 << 16 })
      fill()
      for (const fd of quiet) rig.send(fd, 'me too')
      for (let enters = 0; enters < 2; enters++) {
        fill()
        rig.enter()
        for (const cqe of rig.take()) {
          seen.add(cqe.id)
          expect(cqe.more).toBe(true)
          rig.provide(cqe.buffer!)
        }
      }
      expect([...seen].sort()).toEqual([1000, 2000, 2001, 2002, 2003, 2004])
    },
    { cqEntries: 256, buffers: 128, bufferBytes: 256 },
  )

  prove(
    'a small CQ serves every socket in its turn',
    (rig) => {
      const peers: number[] = []
      const sockets: number[] = []
      rig.provideAll()
      for (let i = 0; i < 12; i++) {
        const [ours, peer] = rig.pair()
        rig.receive(ours, 100 + i)
        rig.enter()
        peers.push(peer)
        sockets.push(ours)
      }
      const counts = new Map<number, number>()
      const ended: number[] = []
      let returned = 0
      for (let round = 0; round < 60; round++) {
        for (const peer of peers) rig.send(peer, 'x'.repeat(64))
        rig.enter()
        for (const cqe of rig.take()) {
          if (cqe.buffer !== undefined) {
            counts.set(cqe.id, (counts.get(cqe.id) ?? 0) + 1)
            rig.provide(cqe.buffer)
            returned++
          } else expect(name(cqe.res)).toBe('ENOBUFS')
          if (!cqe.more) ended.push(cqe.id)
        }
        // what ended is armed again in its turn, one for each buffer that came back
        const next = ended.splice(0, Math.min(returned, 4))
        returned -= next.length
        for (const id of next) rig.receive(sockets[id - 100]!, id)
      }
      expect(counts.size).toBe(12)
      const served = [...counts.values()]
      expect(Math.max(...served)).toBeLessThanOrEqual(Math.min(...served) * 4)
    },
    { sqEntries: 4, cqEntries: 4, buffers: 8, bufferBytes: 64 },
  )

  prove('bytes that came before the receive was armed are not missed', (rig) => {
    const [ours, peer] = rig.pair()
    rig.send(peer, 'early')
    rig.shut(peer)
    rig.settle(5)
    rig.provideAll()
    rig.receive(ours)
    const { text, last } = drain(rig)
    expect([text, last.res]).toEqual(['early', 0])
  })

  prove('cancel and re-arm, again and again: no byte is lost or doubled', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    let text = ''
    for (let i = 0; i < 30; i++) {
      const id = rig.receive(ours)
      if (i % 3 !== 0) rig.enter()
      rig.send(peer, `${i} `)
      if (i % 2 === 0) rig.enter()
      const cancel = rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id })
      let last: Cqe | undefined
      const cqes: Cqe[] = []
      while (last === undefined || !cqes.some((cqe) => cqe.id === cancel)) {
        for (const cqe of rig.wait()) {
          cqes.push(cqe)
          if (cqe.id !== id) continue
          if (cqe.buffer !== undefined) {
            text += rig.received(cqe).toString()
            rig.provide(cqe.buffer)
          }
          if (!cqe.more) last = cqe
        }
      }
      expect(name(last.res)).toBe('ECANCELED')
    }
    rig.shut(peer)
    rig.receive(ours)
    text += drain(rig).text
    expect(text).toBe(Array.from({ length: 30 }, (_, i) => `${i} `).join(''))
  })

  prove('a buffer where nothing is: -EFAULT', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provide(0)
    const ring = rig.u32(abi.CONTROL_BUFFER_RING)
    rig.view.setBigUint64(ring + abi.BUF_ADDR, rig.address(rig.bytes.length), true)
    rig.submit({ ...RECEIVE, fd: ours })
    rig.send(peer, 'x')
    expect(rig.wait().map((cqe) => [name(cqe.res), cqe.more])).toEqual([['EFAULT', false]])
  })

  prove('POLL_FIRST waits for readiness, and then does what it would have done', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.alloc(8)
    const send = rig.one({
      op: abi.OP_SEND,
      fd: ours,
      addr: rig.address(rig.store(Buffer.from('ready'))),
      len: 5,
      ioprio: abi.RECV_POLL_FIRST,
      opFlags: abi.MSG_NOSIGNAL,
    })
    expect(send.res).toBe(5)
    const receive = { op: abi.OP_RECV, fd: peer, addr: rig.address(at), len: 8, ioprio: abi.RECV_POLL_FIRST }
    expect(rig.one(receive).res).toBe(5)
    expect(rig.text(at, 5)).toBe('ready')
    expect(name(rig.one({ ...receive, fd: 99_999 }).res)).toBe('EBADF')
  })

  prove('RECVMSG with MSG_WAITALL gathers a stream into its parts', (rig) => {
    const [ours, peer] = rig.pair()
    const part = rig.alloc(16)
    const at = message(rig, [
      [part, 4],
      [part + 4, 6],
    ])
    rig.submit({ op: abi.OP_RECVMSG, fd: ours, addr: rig.address(at), len: 1, opFlags: abi.MSG_WAITALL })
    for (const text of ['abc', 'def', 'gh']) {
      rig.send(peer, text)
      expect(rig.settle(5)).toEqual([])
    }
    rig.send(peer, 'ijkl')
    expect(rig.wait()[0]!.res).toBe(10)
    expect(rig.text(part, 10)).toBe('abcdefghij')
  })
}
