// What moves when one ring takes the place of another: both circles cut at every point of either, arc by arc.

/** A ring's entries, as they lie in memory: ascending little-endian u64s, position << serverBits | server. */
export interface RingMap {
  readonly ids: readonly string[]
  readonly bits: number
  readonly serverBits: number
  readonly entries: Uint32Array
}

/** Positions `first` … `last`, both included, go from one server to another. */
export interface RingRange {
  readonly first: number
  readonly last: number
  readonly from: string
  readonly to: string
}

export interface RingMove {
  readonly from: string
  readonly to: string
  readonly share: number
}

export interface RingMigration {
  /** The part of all positions that moves, 0 … 1. */
  readonly share: number
  /** Who gives how much to whom, the largest first. */
  readonly moves: readonly RingMove[]
  /** The positions that move, ascending; `HashRing.position(key)` tells in which a key lies. */
  readonly ranges: readonly RingRange[]
}

/** Walks over a ring's points in ascending order and says who owns what lies before each. */
class Cursor {
  readonly #map: RingMap
  #word = 0

  constructor(map: RingMap) {
    this.#map = map
  }

  /** The position of the point ahead; Infinity behind the last one. */
  get position(): number {
    if (this.#word >= this.#map.entries.length) return Number.POSITIVE_INFINITY
    const high = this.#map.entries[this.#word + 1]!
    if (this.#map.bits === 32) return high
    return high * 2 ** (this.#map.bits - 32) + (this.#map.entries[this.#word]! >>> this.#map.serverBits)
  }

  /** The owner of everything between the point behind and the one ahead; behind the last one it is the first's. */
  get owner(): string {
    const word = this.#word < this.#map.entries.length ? this.#word : 0
    return this.#map.ids[this.#map.entries[word]! & (2 ** this.#map.serverBits - 1)]!
  }

  pass(position: number): void {
    while (this.position <= position) this.#word += 2
  }
}

export function compareRings(before: RingMap, after: RingMap): RingMigration {
  const end = 2 ** before.bits
  const [a, b] = [new Cursor(before), new Cursor(after)]
  const ranges: RingRange[] = []
  for (let first = 0; first < end; ) {
    const last = Math.min(a.position, b.position, end - 1)
    const [from, to] = [a.owner, b.owner]
    const previous = ranges.at(-1)
    if (from !== to && previous?.last === first - 1 && previous.from === from && previous.to === to) {
      ranges[ranges.length - 1] = { ...previous, last }
    } else if (from !== to) {
      ranges.push({ first, last, from, to })
    }
    a.pass(last)
    b.pass(last)
    first = last + 1
  }
  return { share: sum(ranges) / end, moves: movesOf(ranges, end), ranges }
}

function sum(ranges: readonly RingRange[]): number {
  return ranges.reduce((total, { first, last }) => total + last - first + 1, 0)
}

function movesOf(ranges: readonly RingRange[], end: number): RingMove[] {
  const byPair = new Map<string, RingRange[]>()
  for (const range of ranges) {
    const pair = JSON.stringify([range.from, range.to])
    const list = byPair.get(pair)
    if (list === undefined) byPair.set(pair, [range])
    else list.push(range)
  }
  return [...byPair.values()]
    .map((list) => ({ from: list[0]!.from, to: list[0]!.to, share: sum(list) / end }))
    .sort((a, b) => b.share - a.share)
}
