// The timing wheel (Varghese and Lauck 1987): hierarchical, eleven levels of 64 slots, which cover every u64. A tick is
// what the owner says, a millisecond or a nanosecond. Add, cancel and re-arm are O(1); empty slots are never looked at.
//
// A node is 16 bytes in its owner's record. Level and slot follow from the highest six bits in which a node's key and
// the wheel's time differ, so that all of a level comes before all of the next one. When a higher slot is reached, its
// nodes move on to lower levels, each in one step; budgets count steps, whatever becomes of the node.
//
// - Never early, at most one tick late: a node is due when the clock says its `due` or more; one that is added when its
//   time is over is due at the next tick. In order of due ticks; within one tick in no order.
// - A node's `due` may be raised in place, which touches no list (wheelRearm does that): when the old time comes, the
//   node is found not to be due, and moves on. An idle timer costs one step a period, however often it is put off.
// - The clock may jump. Forward, what became due comes out budget by budget; back (a wall clock that is set), the
//   wheel's time stands still and an offset grows: every node is looked at when its old time comes, and put off.

export const NODE_DUE: usize = 0 // u64, on the owner's clock
export const NODE_NEXT: usize = 8 // u32
export const NODE_LINK: usize = 12 // u32, address of the pointer that points here; 0: not pending
export const NODE_BYTES: usize = 16

const LEVELS: u32 = 11
const SLOT_BITS: u32 = 6
const SLOTS: u32 = 1 << SLOT_BITS
const SLOT_MASK: u64 = <u64>(SLOTS - 1)

const W_TIME: usize = 0 // u64, all that was due up to here has come out, or waits in the batch
const W_OFFSET: usize = 8 // u64, time = the owner's clock + offset
const W_BATCH: usize = 16 // u32, nodes of a slot that was reached and are still to be looked at
const W_LEVELS: usize = 20 // u32, bit per level with nodes
const W_PENDING: usize = 24 // u32, nodes
const W_PLACED: usize = 28 // u32, how often a node was put into a slot
const W_MAPS: usize = 32 // u64 per level, bit per slot with nodes
const W_SOONEST: usize = W_MAPS + LEVELS * 8 // u64 per slot with nodes: no key in it is lower
const W_HEADS: usize = W_SOONEST + LEVELS * SLOTS * 8 // u32 per slot with nodes
const HEADS_BYTES: usize = LEVELS * SLOTS * 4
export const WHEEL_BYTES: usize = W_HEADS + HEADS_BYTES

/** No time at all. */
export const NEVER: u64 = u64.MAX_VALUE

/** Nodes that wheelDue may still look at; whoever asks it for nodes sets it, and finds there what is left. */
export let wheelSteps: u32 = 0

/** Sets how many nodes wheelDue may look at. */
// @ts-ignore: decorator
@inline
export function wheelBudget(steps: u32): void {
  wheelSteps = steps
}

/** Makes the WHEEL_BYTES at `wheel` an empty wheel whose clock says `now`. */
export function wheelCreate(wheel: usize, now: u64): void {
  memory.fill(wheel, 0, W_SOONEST)
  store<u64>(wheel, now, W_TIME)
}

/** Nodes pending. */
// @ts-ignore: decorator
@inline
export function wheelPending(wheel: usize): u32 {
  return load<u32>(wheel, W_PENDING)
}

/** How often nodes were put into slots, since the wheel was made; wraps. */
export function wheelPlaced(wheel: usize): u32 {
  return load<u32>(wheel, W_PLACED)
}

/** Whether the node is pending. */
// @ts-ignore: decorator
@inline
export function wheelHas(node: usize): bool {
  return load<u32>(node, NODE_LINK) != 0
}

/** Adds a node that is not pending, to come out when the clock says `due` or more. */
// @ts-ignore: decorator
@inline
export function wheelAdd(wheel: usize, node: usize, due: u64): void {
  assert(!load<u32>(node, NODE_LINK))
  store<u64>(node, due, NODE_DUE)
  store<u32>(wheel, load<u32>(wheel, W_PENDING) + 1, W_PENDING)
  place(wheel, node, keyOf(wheel, due))
}

/** Takes a node out; false where it was not pending. */
// @ts-ignore: decorator
@inline
export function wheelCancel(wheel: usize, node: usize): bool {
  if (!load<u32>(node, NODE_LINK)) return false
  unlink(wheel, node)
  return true
}

/** Sets when a node comes out, pending or not. Putting it off is one store. */
// @ts-ignore: decorator
@inline
export function wheelRearm(wheel: usize, node: usize, due: u64): void {
  if (load<u32>(node, NODE_LINK)) {
    if (due >= load<u64>(node, NODE_DUE)) {
      store<u64>(node, due, NODE_DUE)
      return
    }
    unlink(wheel, node)
  }
  wheelAdd(wheel, node, due)
}

/**
 * Takes out the next node that is due now; 0 where there is none, or the budget is used up: then wheelSteps is 0. The
 * caller may add, cancel and re-arm whatever it likes before it asks again.
 */
export function wheelDue(wheel: usize, now: u64): usize {
  let time = load<u64>(wheel, W_TIME)
  let until = now + load<u64>(wheel, W_OFFSET)
  if (until < time) {
    store<u64>(wheel, time - now, W_OFFSET) // the clock was set back
    until = time
  }
  while (wheelSteps) {
    const node = <usize>load<u32>(wheel, W_BATCH)
    if (node) {
      wheelSteps--
      unlink(wheel, node)
      const key = keyOf(wheel, load<u64>(node, NODE_DUE))
      if (key <= time) return node
      store<u32>(wheel, load<u32>(wheel, W_PENDING) + 1, W_PENDING)
      place(wheel, node, key)
      continue
    }
    const slot = firstSlot(wheel)
    if (slot == NONE || startOf(time, slot) > until) {
      store<u64>(wheel, until, W_TIME)
      return 0
    }
    // nothing in the wheel is due before the soonest of its first slot
    time = min(soonestOf(wheel, time, slot), until)
    store<u64>(wheel, time, W_TIME)
    const head = <usize>load<u32>(headOf(wheel, slot))
    store<u32>(wheel, <u32>head, W_BATCH)
    store<u32>(head, <u32>(wheel + W_BATCH), NODE_LINK)
    emptied(wheel, slot)
  }
  return 0
}

/**
 * When the next node is due, on the owner's clock; NEVER where there is none. Exact, unless the next one was cancelled
 * or put off: then up to one slot early, which costs one look in vain.
 */
export function wheelNext(wheel: usize): u64 {
  const time = load<u64>(wheel, W_TIME)
  const offset = load<u64>(wheel, W_OFFSET)
  if (load<u32>(wheel, W_BATCH)) return time - offset
  const slot = firstSlot(wheel)
  if (slot == NONE) return NEVER
  return soonestOf(wheel, time, slot) - offset
}

const NONE: u32 = u32.MAX_VALUE

/** The time at which a node is due; one beyond all times is never. */
// @ts-ignore: decorator
@inline
function keyOf(wheel: usize, due: u64): u64 {
  const offset = load<u64>(wheel, W_OFFSET)
  return due > NEVER - offset ? NEVER : due + offset
}

/** The first slot with nodes, by its number from the lowest level on: all others begin later. */
// @ts-ignore: decorator
@inline
function firstSlot(wheel: usize): u32 {
  const levels = load<u32>(wheel, W_LEVELS)
  if (!levels) return NONE
  const level = ctz<u32>(levels)
  return (level << SLOT_BITS) | <u32>ctz<u64>(load<u64>(wheel + (<usize>level << 3), W_MAPS))
}

/** When a slot begins; `time` is the wheel's, which lies in the same slot of the level above. */
// @ts-ignore: decorator
@inline
function startOf(time: u64, slot: u32): u64 {
  const shift = <u64>((slot >> SLOT_BITS) * SLOT_BITS)
  const above = ~(((<u64>SLOTS) << shift) - 1) // of the highest level: 0
  return (time & above) | ((<u64>slot & SLOT_MASK) << shift)
}

// @ts-ignore: decorator
@inline
function soonestOf(wheel: usize, time: u64, slot: u32): u64 {
  return max(startOf(time, slot), load<u64>(wheel + (<usize>slot << 3), W_SOONEST))
}

// @ts-ignore: decorator
@inline
function headOf(wheel: usize, slot: u32): usize {
  return wheel + W_HEADS + (<usize>slot << 2)
}

/** Puts a node at the head of its slot. */
// @ts-ignore: decorator
@inline
function place(wheel: usize, node: usize, key: u64): void {
  const time = load<u64>(wheel, W_TIME)
  key = max(key, time + 1)
  const level = ((63 - <u32>clz<u64>(key ^ time)) * 43) >> 8 // a sixth, rounded down
  const index = (key >> <u64>(level * SLOT_BITS)) & SLOT_MASK
  const slot = (level << SLOT_BITS) | <u32>index
  const map = wheel + (<usize>level << 3)
  const used = load<u64>(map, W_MAPS)
  const bit = (<u64>1) << index
  const soonest = wheel + (<usize>slot << 3)
  const head = headOf(wheel, slot)
  let next: usize = 0
  if (used & bit) {
    next = load<u32>(head)
    store<u32>(next, <u32>(node + NODE_NEXT), NODE_LINK)
    if (key < load<u64>(soonest, W_SOONEST)) store<u64>(soonest, key, W_SOONEST)
  } else {
    store<u64>(map, used | bit, W_MAPS)
    store<u32>(wheel, load<u32>(wheel, W_LEVELS) | (1 << level), W_LEVELS)
    store<u64>(soonest, key, W_SOONEST)
  }
  store<u32>(node, <u32>next, NODE_NEXT)
  store<u32>(node, <u32>head, NODE_LINK)
  store<u32>(head, <u32>node)
  store<u32>(wheel, load<u32>(wheel, W_PLACED) + 1, W_PLACED)
}

// @ts-ignore: decorator
@inline
function unlink(wheel: usize, node: usize): void {
  const next = <usize>load<u32>(node, NODE_NEXT)
  const link = <usize>load<u32>(node, NODE_LINK)
  store<u32>(link, <u32>next)
  store<u32>(node, 0, NODE_LINK)
  store<u32>(wheel, load<u32>(wheel, W_PENDING) - 1, W_PENDING)
  if (next) store<u32>(next, <u32>link, NODE_LINK)
  else if (link - (wheel + W_HEADS) < HEADS_BYTES) emptied(wheel, <u32>((link - (wheel + W_HEADS)) >> 2))
}

/** A slot has no nodes any more. */
function emptied(wheel: usize, slot: u32): void {
  const level = slot >> SLOT_BITS
  const map = wheel + (<usize>level << 3)
  const rest = load<u64>(map, W_MAPS) & ~((<u64>1) << (<u64>slot & SLOT_MASK))
  store<u64>(map, rest, W_MAPS)
  if (!rest) store<u32>(wheel, load<u32>(wheel, W_LEVELS) & ~(1 << level), W_LEVELS)
}
