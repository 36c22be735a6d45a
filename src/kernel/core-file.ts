// Reading the core's file on Node, at once, so that what needs it can be made without waiting.

import { existsSync, readFileSync } from 'node:fs'

// seen from src/kernel and from dist/src/kernel
const PLACES = ['../../build/', '../../../build/']

/** The bytes of build/core.wasm, or of build/core.baseline.wasm. */
export function readCore(simd = true): Uint8Array<ArrayBuffer> {
  const file = simd ? 'core.wasm' : 'core.baseline.wasm'
  const urls = PLACES.map((place) => new URL(place + file, import.meta.url))
  const url = urls.find((candidate) => existsSync(candidate))
  if (url === undefined) throw new Error(`build/${file} is missing: run \`make wasm\``)
  return readFileSync(url)
}
