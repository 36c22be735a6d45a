// What the tests of the memory share: checks cheap enough for every step of a long random run.

/** As `expect(holds).toBe(true)`, at a hundredth of its cost. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`)
}

/** Whether all of these bytes are `mark`. */
export function filledWith(memory: Uint8Array, at: number, bytes: number, mark: number): boolean {
  if (bytes === 0) return true
  if (memory[at] !== mark) return false
  // all are the first one, if the range is equal to itself moved by one
  return Buffer.compare(memory.subarray(at, at + bytes - 1), memory.subarray(at + 1, at + bytes)) === 0
}
