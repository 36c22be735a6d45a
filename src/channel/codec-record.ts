// Codecs as the core reads them: records in a loop's memory, shared by the channels that were upgraded to one.

import { CODEC_FLAGS } from '../../assembly/codec/abi.ts'
import { CODEC_SINGLE } from '../../assembly/service/abi.ts'
import type { Codec } from '../core/codec/codec.ts'
import type { Loop } from '../loop/loop.ts'

/** A codec's record for as long as `users` need it. */
export interface CodecRecord {
  readonly at: number
  users: number
  readonly forget: () => void
}

type Records = Map<Codec<unknown>, CodecRecord>

/** Of each loop: those that are decoded frame by frame, and the others. */
const loops = new WeakMap<Loop, { readonly single: Records; readonly many: Records }>()

/** Writes a codec's record into a block of the loop's memory, which the caller frees. */
export function placeCodec(loop: Loop, codec: Codec<unknown>, upgradable: boolean): number {
  const at = loop.alloc(codec.bytes)
  loop.bytes.fill(0, at, at + codec.bytes)
  codec.write(loop.view, at)
  if (upgradable)
    loop.view.setUint32(at + CODEC_FLAGS, loop.view.getUint32(at + CODEC_FLAGS, true) | CODEC_SINGLE, true)
  return at
}

/** The record of a codec, for one more user. */
export function takeCodec(loop: Loop, codec: Codec<unknown>, upgradable: boolean): CodecRecord {
  let both = loops.get(loop)
  if (both === undefined) {
    both = { single: new Map(), many: new Map() }
    loops.set(loop, both)
  }
  const records = upgradable ? both.single : both.many
  let record = records.get(codec)
  if (record === undefined) {
    record = { at: placeCodec(loop, codec, upgradable), users: 0, forget: () => records.delete(codec) }
    records.set(codec, record)
  }
  record.users++
  return record
}

/** One user less; the last one frees it. */
export function giveCodec(loop: Loop, record: CodecRecord | undefined): void {
  if (record === undefined || --record.users > 0) return
  record.forget()
  loop.core.free(record.at)
}
