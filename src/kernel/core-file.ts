// Reading the core's file on Node, at once, so that what needs it can be made without waiting.

import { existsSync, readFileSync } from 'node:fs'

// seen from src/kernel and from dist/src/kernel
const PLACES = ['../../build/core.wasm', '../../../build/core.wasm']

/** The bytes of build/core.wasm. */
export function readCore(): Uint8Array<ArrayBuffer> {
  const urls = PLACES.map((place) => new URL(place, import.meta.url))
  const url = urls.find((candidate) => existsSync(candidate))
  if (url === undefined) throw new Error('build/core.wasm is missing: run `make wasm`')
  return readFileSync(url)
}
