// What moves when one ring takes the place of another: two circles cut at every point of either, arc by arc; two
// tables slot by slot, or where they differ in size by what their residues have in common.

/** A place on a ring: a bigint where positions have 64 bits (envoy), else a number. */
export type RingPosition = number | bigint

/** A circle: positions ascending, and the owner of what lies up to each. */
export interface RingCircle {
  readonly kind: 'circle'
  readonly ids: readonly string[]
  readonly bits: number
  readonly count: number
  position(point: number): RingPosition
  owner(point: number): number
}

/** A table: the owner of each slot. `hashes` is how many hashes there are where that is no multitude. */
export interface RingTable {
  readonly kind: 'table' | 'jump'
  readonly ids: readonly string[]
  readonly owners: Uint16Array
  readonly hashes: number
}

export type RingMap = RingCircle | RingTable

/** Places `first` … `last`, both included, go from one server to another. */
export interface RingRange {
  readonly first: RingPosition
  readonly last: RingPosition
  readonly from: string
  readonly to: string
}

export interface RingMove {
  readonly from: string
  readonly to: string
  readonly share: number
}

export interface RingMigration {
  /** The part of all keys that moves, 0 … 1. */
  readonly share: number
  /** Who gives how much to whom, the largest first. */
  readonly moves: readonly RingMove[]
  /** What `ranges` counts; 'none' where keys that move together do not lie together, and `ranges` is empty. */
  readonly unit: 'position' | 'slot' | 'none'
  /** What moves, ascending; `HashRing.position(key)` tells in which range a key lies. */
  readonly ranges: readonly RingRange[]
}

export function compareRings(before: RingMap, after: RingMap): RingMigration {
  if (before.kind === 'circle' && after.kind === 'circle') return compareCircles(before, after)
  if (before.kind === 'circle' || after.kind === 'circle') throw new Error('a circle cannot become a table')
  if (before.kind === 'jump') return compareJumps(before, after)
  return before.owners.length === after.owners.length ? compareSlots(before, after) : compareResidues(before, after)
}

/** Adds up who gives how much to whom. */
class Moves {
  readonly #from: readonly string[]
  readonly #to: readonly string[]
  readonly #amounts = new Map<number, number>()
  /** For each server before, its place in the list after; −1: it is gone. */
  readonly #kept: Int32Array

  constructor(from: readonly string[], to: readonly string[]) {
    const places = new Map(to.map((id, i) => [id, i]))
    this.#from = from
    this.#to = to
    this.#kept = Int32Array.from(from, (id) => places.get(id) ?? -1)
  }

  stays(from: number, to: number): boolean {
    return this.#kept[from] === to
  }

  add(from: number, to: number, amount: number): void {
    if (amount === 0 || this.stays(from, to)) return
    const pair = from * this.#to.length + to
    this.#amounts.set(pair, (this.#amounts.get(pair) ?? 0) + amount)
  }

  range(first: RingPosition, last: RingPosition, from: number, to: number): RingRange {
    return { first, last, from: this.#from[from]!, to: this.#to[to]! }
  }

  result(whole: number, unit: RingMigration['unit'], ranges: readonly RingRange[]): RingMigration {
    const count = this.#to.length
    const moves = [...this.#amounts].map(([pair, amount]) => ({
      from: this.#from[Math.floor(pair / count)]!,
      to: this.#to[pair % count]!,
      share: amount / whole,
    }))
    moves.sort((a, b) => b.share - a.share)
    return { share: [...this.#amounts.values()].reduce((sum, amount) => sum + amount, 0) / whole, moves, unit, ranges }
  }
}

/** Collects ranges; neighbours that go the same way become one. */
class Ranges {
  readonly list: RingRange[] = []
  readonly #moves: Moves
  #first: RingPosition = 0
  #last: RingPosition = 0
  #from = -1
  #to = -1

  constructor(moves: Moves) {
    this.#moves = moves
  }

  add(first: RingPosition, last: RingPosition, from: number, to: number): void {
    if (this.#from !== from || this.#to !== to || next(this.#last) !== first) {
      this.end()
      this.#first = first
      this.#from = from
      this.#to = to
    }
    this.#last = last
  }

  end(): RingRange[] {
    if (this.#from >= 0) this.list.push(this.#moves.range(this.#first, this.#last, this.#from, this.#to))
    this.#from = -1
    return this.list
  }
}

function next(position: RingPosition): RingPosition {
  return typeof position === 'bigint' ? position + 1n : position + 1
}

function width(first: RingPosition, last: RingPosition): number {
  return Number(next(last)) === 0 || typeof first === 'bigint' || typeof last === 'bigint'
    ? Number(BigInt(last) - BigInt(first) + 1n)
    : last - first + 1
}

function compareCircles(a: RingCircle, b: RingCircle): RingMigration {
  const end: RingPosition = a.bits === 64 ? (1n << 64n) - 1n : 2 ** a.bits - 1
  const moves = new Moves(a.ids, b.ids)
  const ranges = new Ranges(moves)
  let first: RingPosition = a.bits === 64 ? 0n : 0
  for (let i = 0, j = 0; first <= end; ) {
    const ahead = i < a.count ? a.position(i) : end
    const other = j < b.count ? b.position(j) : end
    const last = ahead < other ? ahead : other
    // behind the last point everything belongs to the first one's server
    const [from, to] = [a.owner(i < a.count ? i : 0), b.owner(j < b.count ? j : 0)]
    if (!moves.stays(from, to)) {
      moves.add(from, to, width(first, last))
      ranges.add(first, last, from, to)
    }
    while (i < a.count && a.position(i) <= last) i++
    while (j < b.count && b.position(j) <= last) j++
    first = next(last)
  }
  return moves.result(2 ** a.bits, 'position', ranges.end())
}

/** How many of `hashes` hashes fall on a slot. */
function worth(slot: number, slots: number, hashes: number): number {
  return hashes === 0 ? 1 : slot < hashes ? Math.floor((hashes - 1 - slot) / slots) + 1 : 0
}

function compareSlots(a: RingTable, b: RingTable): RingMigration {
  const slots = a.owners.length
  const moves = new Moves(a.ids, b.ids)
  const ranges = new Ranges(moves)
  for (let slot = 0; slot < slots; slot++) {
    const [from, to] = [a.owners[slot]!, b.owners[slot]!]
    if (moves.stays(from, to)) continue
    moves.add(from, to, worth(slot, slots, a.hashes))
    ranges.add(slot, slot, from, to)
  }
  return moves.result(a.hashes || slots, 'slot', ranges.end())
}

/**
 * Tables of m and n slots: a hash is in slot r of one and s of the other for 1 of lcm(m, n) hashes if r and s leave the
 * same rest modulo gcd(m, n), and never otherwise.
 */
function compareResidues(a: RingTable, b: RingTable): RingMigration {
  const [m, n] = [a.owners.length, b.owners.length]
  const moves = new Moves(a.ids, b.ids)
  if (a.hashes > 0) {
    for (let hash = 0; hash < a.hashes; hash++) moves.add(a.owners[hash % m]!, b.owners[hash % n]!, 1)
    return moves.result(a.hashes, 'none', [])
  }
  const common = greatestCommon(m, n)
  for (let rest = 0; rest < common; rest++) {
    const [from, to] = [tally(a.owners, rest, common), tally(b.owners, rest, common)]
    for (const [server, times] of from) for (const [other, factor] of to) moves.add(server, other, times * factor)
  }
  return moves.result((m / common) * n, 'none', [])
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b)
}

/** How often each server owns a slot of `start`, `start` + `step`, … */
function tally(owners: Uint16Array, start: number, step: number): Map<number, number> {
  const times = new Map<number, number>()
  for (let slot = start; slot < owners.length; slot += step) {
    times.set(owners[slot]!, (times.get(owners[slot]!) ?? 0) + 1)
  }
  return times
}

/** From m buckets to n, more: 1/n of all keys stays in each of the m, and 1/mn goes from each to each new one. */
function compareJumps(a: RingTable, b: RingTable): RingMigration {
  const [m, n] = [a.owners.length, b.owners.length]
  const [few, many] = m < n ? [a.owners, b.owners] : [b.owners, a.owners]
  const moves = new Moves(a.ids, b.ids)
  for (let bucket = 0; bucket < few.length; bucket++) moves.add(a.owners[bucket]!, b.owners[bucket]!, 1)
  const all = tally(few, 0, 1)
  const added = tally(many.subarray(few.length), 0, 1)
  for (const [server, times] of all) {
    for (const [other, factor] of added) {
      const amount = (times * factor) / few.length
      if (m < n) moves.add(server, other, amount)
      else moves.add(other, server, amount)
    }
  }
  return moves.result(many.length, 'none', [])
}
