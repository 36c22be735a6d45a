// Subjects inside WebAssembly: bytes laid into the core's memory once, as a kernel would, and decoded there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { instantiateCore } from '../../dist/src/core/index.js'
import { ROOT } from '../macro/machine.mjs'

export const core = instantiateCore(readFileSync(join(ROOT, 'build/core.wasm')))

/** Bytes of one measurement: what a turn finds in a few receive buffers, and what stays in the caches. */
export const BLOCK = 65536

/** Decoding `bytes`, which hold `units` whole frames, into records. */
export function decodeSubject(name, codec, bytes, units) {
  const { exports } = core
  const at = exports.alloc(bytes.length) >>> 0
  core.bytes.set(bytes, at)
  const stream = exports.streamCreate(core.writeCodec(codec)) >>> 0
  return {
    name,
    units,
    run() {
      let records = 0
      for (let done = 0; ; ) {
        const taken = exports.streamPush(stream, at + done, bytes.length - done)
        records += exports.recordsCount()
        if (taken >= 0) break
        done += ~taken
      }
      return frames(records, units)
    },
  }
}

/** Records of frames with parts are more than frames: their number must be a multiple. */
function frames(records, units) {
  return records % units === 0 ? units : records
}

/** The same bytes pushed from JavaScript, every frame handed to a function. */
export function eachSubject(name, codec, bytes, units) {
  const decoder = core.decoder(codec)
  let seen = 0
  const handler = {
    frame(frame) {
      seen += frame.length >= 0 ? 1 : 0
    },
  }
  return {
    name,
    units,
    run() {
      seen = 0
      decoder.each(bytes, handler)
      return seen
    },
  }
}

/** Bytes that JavaScript allocates per frame, as the heap grows between two collections. */
export function garbagePerFrame({ run, units }) {
  for (let i = 0; i < 200; i++) run()
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 20; i++) run()
  return Math.max(0, process.memoryUsage().heapUsed - before) / (20 * units)
}
