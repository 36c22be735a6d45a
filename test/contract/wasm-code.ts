// Walks the instructions of WebAssembly functions to see which proposals they use: an honest look, not one for bytes
// that may as well be constants. Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html

const SIMD_LANES: readonly (readonly [first: number, last: number, operands: 'memory' | 'lane' | 'both' | 'bytes'])[] =
  [
    [0, 11, 'memory'],
    [12, 13, 'bytes'],
    [21, 34, 'lane'],
    [84, 91, 'both'],
    [92, 93, 'memory'],
  ]
const V128 = 0x7b

/** The proposals among `simd` and `threads` that the bodies of a module's functions use. */
export function proposals(code: readonly Uint8Array[]): Set<'simd' | 'threads'> {
  const used = new Set<'simd' | 'threads'>()
  for (const body of code) walk(body, used)
  return used
}

function walk(body: Uint8Array, used: Set<'simd' | 'threads'>): void {
  let at = 0
  let last = -1
  const byte = (): number => body[at++]!
  /** A LEB128 number; of a signed one only the length matters here. */
  const number = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const part = byte()
      value += (part & 127) * scale
      if (part < 128) return value
    }
  }
  const times = (count: number, read: () => number): void => {
    for (let i = 0; i < count; i++) read()
  }
  times(number(), () => {
    number()
    if (byte() === V128) used.add('simd')
    return 0
  })
  const simd = (): void => {
    used.add('simd')
    const operation = number()
    const operands = SIMD_LANES.find(([first, end]) => operation >= first && operation <= end)?.[2]
    if (operands === 'memory' || operands === 'both') times(2, number)
    if (operands === 'lane' || operands === 'both') byte()
    if (operands === 'bytes') at += 16
  }
  const atomic = (): void => {
    used.add('threads')
    times(number() === 3 ? 1 : 2, number)
  }
  const bulk = (): void => {
    const operation = number()
    if (operation > 17) throw new Error(`an unknown instruction, 0xfc ${operation}`)
    if (operation >= 8) times([8, 10, 12, 14].includes(operation) ? 2 : 1, number)
  }
  while (at < body.length) {
    last = byte()
    if (last === 0xfd) simd()
    else if (last === 0xfe) atomic()
    else if (last === 0xfc) bulk()
    else if (last === 0x0e) times(number() + 1, number)
    else if (last === 0x1c) times(number(), byte)
    else if (last === 0x43) at += 4
    else if (last === 0x44) at += 8
    else if (last === 0x11 || (last >= 0x28 && last <= 0x3e)) times(2, number)
    else if (hasOperand(last)) number()
    else if (last > 0xc4 || (last > 0x11 && last < 0x1a)) throw new Error(`an unknown instruction, ${last}`)
  }
  if (at !== body.length || last !== 0x0b) throw new Error('the instructions do not end where the function does')
}

/** Blocks, branches, calls, variables, tables, memory.size and grow, integers, references. */
function hasOperand(code: number): boolean {
  return (
    (code >= 0x02 && code <= 0x04) ||
    [0x0c, 0x0d, 0x10, 0xd0, 0xd2].includes(code) ||
    (code >= 0x20 && code <= 0x26) ||
    (code >= 0x3f && code <= 0x42)
  )
}
