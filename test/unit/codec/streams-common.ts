// How random streams are made: pieces, mostly whole, lengths near limits, and now and then a spoilt byte.
import fc from 'fast-check'

export interface Case {
  readonly options: object
  readonly stream: Buffer
}

/** Bytes that protocols take seriously. */
const SPOILERS = Buffer.from('\r\n\0 :*$%-+09az\xff', 'latin1')

/** Joins pieces and, in one stream of four, replaces a byte or drops one, so that what follows is out of step. */
export function streamOf(piece: fc.Arbitrary<Buffer>, maxPieces = 8): fc.Arbitrary<Buffer> {
  const spoilt = fc.record({ at: fc.nat(), by: fc.constantFrom(...SPOILERS), drop: fc.boolean() })
  const rarely = fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(spoilt, { minLength: 1, maxLength: 2 }))
  const cut = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(12)) // bytes missing at the end
  return fc.tuple(fc.array(piece, { maxLength: maxPieces }), rarely, cut).map(([parts, spoils, short]) => {
    let stream = Buffer.concat(parts)
    for (const { at, by, drop } of spoils) {
      if (stream.length === 0) break
      const place = at % stream.length
      const tail = stream.subarray(place + 1)
      stream = Buffer.concat([stream.subarray(0, place), drop ? Buffer.alloc(0) : Buffer.of(by), tail])
    }
    return stream.subarray(0, Math.max(stream.length - short, 0))
  })
}

/** A length that is often at a limit. */
export function around(limit: number, max = limit + 40): fc.Arbitrary<number> {
  const near = fc.integer({ min: Math.max(limit - 2, 0), max: limit + 3 })
  return fc.oneof(near, fc.integer({ min: 0, max }))
}

/** `length` bytes of the alphabet. */
export function textOf(length: fc.Arbitrary<number>, alphabet: string): fc.Arbitrary<Buffer> {
  return fc.tuple(length, fc.nat(1000)).map(([count, seed]) => {
    const bytes = Buffer.alloc(count)
    for (let i = 0; i < count; i++) bytes[i] = alphabet.charCodeAt((seed + i * 7 + ((i * seed) >> 3)) % alphabet.length)
    return bytes
  })
}
