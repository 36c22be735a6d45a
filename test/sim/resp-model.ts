// What the keys of one client may hold, as far as its replies tell: commands that change a value, replies that are
// right for some value it may have, and writes of which nobody knows whether, and when, they took effect.
import { type Reply, ReplyError } from '../system/wire.ts'

export type Value = string | null

/** What a command does to one key: the value after it, and what the reply says. */
export interface Step {
  readonly key: string
  apply(value: Value): readonly [Value, Reply]
}

export interface Command {
  readonly words: readonly string[]
  readonly steps: readonly Step[]
  /** How the replies of the steps are put together. */
  readonly reply: 'one' | 'array' | 'ok'
  /** Looks at a reply that no model of a single client can foretell. */
  readonly judge?: (reply: Reply) => void
}

export const set = (key: string, value: string): Command => ({
  words: ['SET', key, value],
  steps: [{ key, apply: () => [value, 'OK'] }],
  reply: 'one',
})
export const get = (key: string): Command => ({
  words: ['GET', key],
  steps: [{ key, apply: (value) => [value, value] }],
  reply: 'one',
})
export const del = (key: string): Command => ({
  words: ['DEL', key],
  steps: [{ key, apply: (value) => [null, value === null ? 0 : 1] }],
  reply: 'one',
})
export const mget = (keys: readonly string[]): Command => ({
  words: ['MGET', ...keys],
  steps: keys.map((key) => ({ key, apply: (value) => [value, value] })),
  reply: 'array',
})
export const mset = (pairs: readonly (readonly [string, string])[]): Command => ({
  words: ['MSET', ...pairs.flat()],
  steps: pairs.map(([key, value]) => ({ key, apply: () => [value, 'OK'] })),
  reply: 'ok',
})
export const ping = (text: string): Command => ({
  words: ['PING', text],
  steps: [{ key: '', apply: (value) => [value, text] }],
  reply: 'one',
})
/** Of a key that holds nothing but numbers. */
export const incr = (key: string): Command => ({
  words: ['INCR', key],
  steps: [{ key, apply: (value) => [String(Number(value ?? 0) + 1), Number(value ?? 0) + 1] }],
  reply: 'one',
})
export const append = (key: string, text: string): Command => ({
  words: ['APPEND', key, text],
  steps: [{ key, apply: (value) => [(value ?? '') + text, (value ?? '').length + text.length] }],
  reply: 'one',
})

const brief = (value: unknown): string => {
  const text = value instanceof ReplyError ? `-${value.message}` : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export class RespModel {
  readonly #possible = new Map<string, Set<Value>>()
  /** Written by commands that failed: they may take effect at any time. */
  readonly #late = new Map<string, Set<Value>>()

  /** Takes the reply to a command; → what is wrong with it, or undefined. */
  reply(command: Command, reply: Reply): string | undefined {
    if (reply instanceof ReplyError) {
      for (const step of command.steps) this.#failed(step)
      return undefined
    }
    if (command.judge !== undefined) {
      command.judge(reply)
      return undefined
    }
    const { steps } = command
    const parts = command.reply === 'array' ? reply : steps.map(() => reply)
    if (!Array.isArray(parts) || parts.length !== steps.length) return `${brief(command.words)} answers ${brief(reply)}`
    for (const [i, step] of steps.entries()) {
      const wrong = this.#done(step, parts[i] as Reply)
      if (wrong !== undefined) return `${brief(command.words)} answers ${brief(parts[i])}; ${wrong}`
    }
    return undefined
  }

  #done(step: Step, reply: Reply): string | undefined {
    if (reply instanceof ReplyError) {
      this.#failed(step) // of an MGET whose keys lie on several servers
      return undefined
    }
    const { key, apply } = step
    const before = new Set([...this.#values(key), ...(this.#late.get(key) ?? [])])
    const after = new Set<Value>()
    for (const value of before) {
      const [next, says] = apply(value)
      if (says === reply) after.add(next)
    }
    if (after.size === 0) return `${key} holds ${[...before].slice(0, 5).map(brief).join(' or ')}`
    this.#possible.set(key, after)
    return undefined
  }

  #failed({ key, apply }: Step): void {
    const values = this.#values(key)
    const late = this.#late.get(key) ?? new Set()
    for (const value of [...values]) {
      const [next] = apply(value)
      values.add(next)
      if (next !== value) late.add(next)
    }
    this.#possible.set(key, values)
    this.#late.set(key, late)
  }

  #values(key: string): Set<Value> {
    return this.#possible.get(key) ?? new Set([null])
  }
}
