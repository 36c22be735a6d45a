// Redis Cluster's slots: who has which, by lists of ranges or as `redis-cli --cluster create` shares them out.

import { RING_SLOTS_REDIS } from '../../assembly/ring/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'

const NOBODY = 0xffff

interface SlotServer {
  readonly id: string
  readonly weight: number
  readonly slots: string | undefined
}

/** The owner of every slot. Throws ERR_INVALID_ARG_VALUE where one has none, or two. */
export function planSlots(servers: readonly SlotServer[]): Uint16Array {
  return servers.some(({ slots }) => slots !== undefined) ? writtenSlots(servers) : sharedSlots(servers)
}

function writtenSlots(servers: readonly SlotServer[]): Uint16Array {
  const owners = new Uint16Array(RING_SLOTS_REDIS).fill(NOBODY)
  for (const [server, { slots = '' }] of servers.entries()) {
    for (const [first, last] of parse(slots, server)) {
      for (let slot = first; slot <= last; slot++) {
        if (owners[slot] !== NOBODY) {
          const other = servers[owners[slot]!]!.id
          throw new InvalidArgumentError(`servers[${server}].slots`, `free of slot ${slot}, which ${other} has`, slots)
        }
        owners[slot] = server
      }
    }
  }
  const free = owners.indexOf(NOBODY)
  if (free >= 0)
    throw new InvalidArgumentError('servers', `given slots so that each has an owner; ${free} has none`, servers)
  return owners
}

function parse(slots: string, server: number): [number, number][] {
  if (slots === '') return []
  return slots.split(/[\s,]+/).map((text) => {
    const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
    const range: [number, number] = [Number(first), Number(last)]
    if (first === '' || range[0] > range[1] || range[1] >= RING_SLOTS_REDIS) {
      const rule = `ranges of slots from 0 to ${RING_SLOTS_REDIS - 1}, such as '0-5460,5462'`
      throw new InvalidArgumentError(`servers[${server}].slots`, rule, text)
    }
    return range
  })
}

/** In a row, as many as the weights say; rounded as redis-cli rounds. */
function sharedSlots(servers: readonly SlotServer[]): Uint16Array {
  const owners = new Uint16Array(RING_SLOTS_REDIS)
  const total = servers.reduce((sum, { weight }) => sum + weight, 0)
  const heavy = servers.flatMap(({ weight }, server) => (weight > 0 ? [{ server, weight }] : []))
  let first = 0
  let cursor = 0
  for (const [i, { server, weight }] of heavy.entries()) {
    const share = (RING_SLOTS_REDIS * weight) / total
    const last = i === heavy.length - 1 ? RING_SLOTS_REDIS - 1 : Math.round(cursor + share - 1)
    owners.fill(server, first, last + 1)
    first = Math.max(first, last + 1)
    cursor += share
  }
  return owners
}
