// Commands that the core leaves to the host (INFO, COMMAND, CONFIG …): their arguments come up, a reply goes down.
import type { Loop } from '../loop/loop.ts'

/** A reply, and whether the connection ends with it. */
export interface CommandReply {
  readonly reply: Uint8Array
  readonly close?: boolean
}

/** Answers a command of the channel with that slot. */
export type Commander = (args: Uint8Array[], slot: number, generation: number) => CommandReply

/** Handles one UP_COMMAND. A commander that throws costs only its own reply. */
export function answerCommand(
  loop: Loop,
  commander: Commander,
  slot: number,
  generation: number,
  at: number,
  request: number,
): void {
  let answer: CommandReply
  try {
    answer = commander(readArguments(loop, at), slot, generation)
  } catch (error) {
    answer = { reply: Buffer.from(`-ERR internal error: ${String(error).replace(/[\r\n]+/g, ' ')}\r\n`) }
  }
  const { core } = loop
  const { reply, close = false } = answer
  const place = core.alloc(reply.length) >>> 0
  if (place === 0) {
    // no memory for the answer: the request is settled, and the connection ends instead of waiting for ever
    core.answer(slot, generation, request, loop.stage, 0, 1)
    return
  }
  loop.bytes.set(reply, place)
  core.answer(slot, generation, request, place, reply.length, close ? 1 : 0)
  core.free(place)
}

/** Reads `{count u32, {length u32, bytes}…}`. */
function readArguments(loop: Loop, at: number): Uint8Array[] {
  const count = loop.view.getUint32(at, true)
  const args: Uint8Array[] = []
  let place = at + 4
  for (let i = 0; i < count; i++) {
    const length = loop.view.getUint32(place, true)
    args.push(loop.bytes.slice(place + 4, place + 4 + length))
    place += 4 + length
  }
  return args
}
