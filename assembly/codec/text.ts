// Constant texts. A string literal is static data in UTF-16 and costs no allocation; here it becomes ASCII bytes.

/** Writes an ASCII literal at `to`; returns its length. */
export function writeText(to: usize, text: string): u32 {
  const from = changetype<usize>(text)
  const length = text.length
  for (let i = 0; i < length; i++) store<u8>(to + i, <u8>load<u16>(from + (<usize>i << 1)))
  return length
}
