// The reader–writer lock: exclusion between real threads, who goes first, nobody starves, misuse.
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { RwLock, type RwLockPreference } from '../../dist/src/loop/rw-lock.js'

const STOP = 0
const FAULTS = 1
const PAIR = 2
const DONE = 5
const PREFERENCES = ['reader', 'writer', 'fair'] as const

interface User {
  readonly kind: 'read' | 'write'
  readonly rounds?: number
  readonly holdMs?: number
}

const workers: Worker[] = []
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate()
})

function start(lock: RwLock, users: readonly User[]): Int32Array {
  const shared = new SharedArrayBuffer(64)
  for (const user of users) {
    const workerData = { holdMs: 0, ...user, lock: lock.memory, shared }
    workers.push(new Worker(new URL('./threads/lock-user.mjs', import.meta.url), { workerData }))
  }
  return new Int32Array(shared)
}

async function done(words: Int32Array, count: number, ms = 15_000): Promise<boolean> {
  const deadline = Date.now() + ms
  while (Atomics.load(words, DONE) < count) {
    if (Date.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return true
}

describe('a reader-writer lock', () => {
  it.each(PREFERENCES)('keeps readers and writers of several threads apart (%s)', async (preference) => {
    const lock = new RwLock({ preference })
    const users: User[] = [
      { kind: 'write', rounds: 3000 },
      { kind: 'write', rounds: 3000 },
      { kind: 'read', rounds: 3000 },
      { kind: 'read', rounds: 3000 },
    ]
    const words = start(lock, users)
    for (let i = 0; i < 200; i++) {
      await lock.withWrite(() => {
        ;(words[PAIR] as number)++
        ;(words[PAIR + 1] as number)++
      })
      if (i % 2 === 0) await lock.withRead(() => expect(words[PAIR]).toBe(words[PAIR + 1]))
    }
    expect(await done(words, 4)).toBe(true)
    expect(words[FAULTS]).toBe(0)
    expect(words[PAIR]).toBe(6200)
    expect(words[PAIR + 1]).toBe(6200)
  })

  // readers that overlap for ever keep a writer out for ever where they are preferred, and writers likewise
  it('starves nobody where it is fair: a writer among readers, a reader among writers', async () => {
    for (const [many, one] of [
      ['read', 'write'],
      ['write', 'read'],
    ] as const) {
      const lock = new RwLock({ preference: 'fair' })
      const greedy: User = { kind: many, holdMs: 2 }
      const words = start(lock, [greedy, greedy, greedy, { kind: one, rounds: 50 }])
      expect(await done(words, 1)).toBe(true)
      Atomics.store(words, STOP, 1)
      expect(await done(words, 4)).toBe(true)
      expect(words[FAULTS]).toBe(0)
    }
  })

  const order = async (preference: RwLockPreference): Promise<string[]> => {
    const lock = new RwLock({ preference })
    const events: string[] = []
    await lock.lockRead()
    const waiting = [
      lock.withWrite(() => void events.push('writer')),
      lock.withRead(() => void events.push('reader')),
      lock.withWrite(() => void events.push('writer')),
      lock.withRead(() => void events.push('reader')),
    ]
    await new Promise((resolve) => setTimeout(resolve, 20))
    events.push('released')
    lock.unlockRead()
    await Promise.all(waiting)
    return events
  }

  it('lets readers join readers, writers go first, or all in their order, as it is told', async () => {
    expect(await order('reader')).toEqual(['reader', 'reader', 'released', 'writer', 'writer'])
    expect(await order('writer')).toEqual(['released', 'writer', 'writer', 'reader', 'reader'])
    expect(await order('fair')).toEqual(['released', 'writer', 'reader', 'writer', 'reader'])
  })

  it.each(PREFERENCES)('tries without waiting (%s)', (preference) => {
    const lock = new RwLock({ preference })
    const other = RwLock.open(lock.memory)
    expect(other.preference).toBe(preference)
    expect(lock.tryRead()).toBe(true)
    expect(other.tryRead()).toBe(true)
    expect(other.tryWrite()).toBe(false)
    lock.unlockRead()
    other.unlockRead()
    expect(lock.tryWrite()).toBe(true)
    expect(other.tryRead()).toBe(false)
    expect(other.tryWrite()).toBe(false)
    lock.unlockWrite()
    expect(other.tryWrite()).toBe(true)
    other.unlockWrite()
  })

  it('releases what a function held that threw', async () => {
    const lock = new RwLock()
    await expect(lock.withWrite(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    await expect(
      lock.withRead(() => {
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(lock.tryWrite()).toBe(true)
  })

  it('throws at misuse', () => {
    const misuse = expect.objectContaining({ code: 'MILLRACE_ERR_LOCK' })
    const lock = new RwLock()
    expect(() => lock.unlockRead()).toThrow(misuse)
    expect(() => lock.unlockWrite()).toThrow(misuse)
    expect(lock.tryRead()).toBe(true)
    expect(() => lock.unlockWrite()).toThrow(misuse)
    expect(() => RwLock.open(lock.memory).unlockRead()).toThrow(misuse)
    lock.unlockRead()
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(() => new RwLock({ preference: 'nobody' as RwLockPreference })).toThrow(invalid)
    expect(() => RwLock.open(new SharedArrayBuffer(8))).toThrow(invalid)
  })

  it('refuses to block the main thread, or a thread for what it holds itself', async () => {
    const code = `
      const { workerData, parentPort, isMainThread } = require('node:worker_threads')
      import(workerData.module).then(({ RwLock }) => {
        const codes = []
        const tried = (fn) => { try { fn(); codes.push('') } catch (error) { codes.push(error.code) } }
        const lock = new RwLock()
        lock.lockReadSync()
        tried(() => lock.lockReadSync())
        tried(() => lock.lockWriteSync())
        lock.unlockRead()
        tried(() => lock.lockWriteSync())
        tried(() => lock.lockReadSync())
        parentPort.postMessage(codes)
      })`
    const module = new URL('../../dist/src/loop/rw-lock.js', import.meta.url).href
    const worker = new Worker(code, { eval: true, workerData: { module } })
    workers.push(worker)
    const codes = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    expect(codes).toEqual(['MILLRACE_ERR_LOCK', 'MILLRACE_ERR_LOCK', '', 'MILLRACE_ERR_LOCK'])
  })
})
