// Bytes as text, on any host.

export type TextEncodingName = 'utf8' | 'utf-8' | 'latin1' | 'ascii' | 'hex'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Up to here a loop beats TextDecoder. */
const SHORT = 24

/** The bytes `[from, to)` as text. */
export function textOf(bytes: Uint8Array, from: number, to: number, encoding: TextEncodingName = 'utf8'): string {
  if (encoding === 'hex') return hexOf(bytes, from, to)
  if (encoding !== 'utf8' && encoding !== 'utf-8') return latin1Of(bytes, from, to)
  if (to - from <= SHORT) {
    let text = ''
    let at = from
    for (; at < to; at++) {
      const byte = bytes[at] as number
      if (byte > 0x7f) break
      text += String.fromCharCode(byte)
    }
    if (at === to) return text
  }
  // a TextDecoder refuses shared memory
  const shared = typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer
  return utf8.decode(shared ? bytes.slice(from, to) : bytes.subarray(from, to))
}

function latin1Of(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(to, at + PIECE)))
  }
  return text
}

/** Arguments of one call. */
const PIECE = 8192

function hexOf(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at++) text += (bytes[at] as number).toString(16).padStart(2, '0')
  return text
}
