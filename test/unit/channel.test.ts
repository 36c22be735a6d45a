// A channel without a loop: what becomes of frames that wait.
import { expect, test } from 'vitest'
import { Channel, type Deliverer } from '../../src/channel/channel.ts'
import type { Loop } from '../../src/loop/loop.ts'

test('a paused channel that has no memory to keep a frame in closes, once, and delivers nothing more', () => {
  const seen: string[] = []
  const loop = {
    hold(): number {
      throw Object.assign(new Error('no memory'), { code: 'ENOMEM' })
    },
    touch: () => undefined,
    core: { pause: () => undefined, destroy: () => seen.push('destroyed') },
  } as unknown as Loop
  const deliverer: Deliverer = {
    hearsOpen: true,
    hearsClose: true,
    open: () => seen.push('open'),
    close: () => seen.push('close'),
    follow: () => deliverer,
    frame: () => seen.push('frame'),
    error: (_channel, error) => seen.push((error as NodeJS.ErrnoException).code ?? ''),
    end: () => seen.push('end'),
    writable: () => seen.push('writable'),
  }
  const channel = new Channel(loop, 0, 1, deliverer)
  const records = new Uint32Array([64, 3, 0, 0])
  channel.received(records, 0)
  channel.pause()
  for (let i = 0; i < 3; i++) channel.received(records, 0)
  channel.receivedEnd()
  expect(seen).toEqual(['frame', 'destroyed', 'ENOMEM'])
})
