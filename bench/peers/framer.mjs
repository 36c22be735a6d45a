// A good framer in JavaScript: views instead of copies, one join per chunk at most. For node:net and Bun alike.

const HEAD = 4

/** Calls `frame` with each payload, a view, of messages behind a length of 4 bytes big-endian. */
export function framer(frame) {
  let rest
  return (chunk) => {
    let bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= HEAD) {
      const end = at + HEAD + bytes.readUInt32BE(at)
      if (end > bytes.length) break
      frame(bytes.subarray(at + HEAD, end))
      at = end
    }
    bytes = bytes.subarray(at)
    rest = bytes.length > 0 ? bytes : undefined
  }
}

/** A message: its length and its bytes. */
export function framed(payload) {
  const message = Buffer.allocUnsafe(HEAD + payload.length)
  message.writeUInt32BE(payload.length)
  message.set(payload, HEAD)
  return message
}
