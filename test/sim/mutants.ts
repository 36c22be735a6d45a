// Kernels and servers that err on purpose, once: each of these mistakes must be noticed by an invariant.
import * as abi from '../../assembly/abi.ts'
import type { SimFunctions } from '../../dist/src/kernel/sim.js'
import type { RespServer } from './resp-server.ts'

export interface Mutant {
  readonly name: string
  /** What stands between the core and the kernel. */
  kernel?(functions: SimFunctions, view: DataView): SimFunctions
  /** What stands between a server of the proxy's and its data. */
  server?(server: RespServer): void
}

/** The place of a completion, of a call record or of a submission; → whether the mistake was made. */
type Mistake = (at: number) => boolean

/** Makes a mistake at the nth completion of a kind that `fits`. */
function atCompletion(name: string, kind: number, nth: number, mistake: (view: DataView) => Mistake): Mutant {
  return {
    name,
    kernel(functions, view) {
      const err = mistake(view)
      let control = 0
      let seen = 0
      let left = nth
      const look = (): void => {
        const u32 = (at: number): number => view.getUint32(at, true)
        const tail = u32(u32(control + abi.CONTROL_CQ_TAIL))
        const mask = u32(control + abi.CONTROL_CQ_ENTRIES) - 1
        for (; seen !== tail && left > 0; seen = (seen + 1) >>> 0) {
          const at = u32(control + abi.CONTROL_CQES) + (seen & mask) * abi.CQE_BYTES
          if (view.getUint8(at + abi.CQE_USER_DATA + 7) !== kind) continue
          if (left > 1) left--
          else if (err(at)) left = 0
        }
      }
      return {
        ...own(functions),
        mr_setup(base, at, kernel) {
          control = at
          return functions.mr_setup(base, at, kernel)
        },
        mr_enter(loop, calls, submit, min, timeoutNs) {
          const result = functions.mr_enter(loop, calls, submit, min, timeoutNs)
          look()
          return result
        },
      }
    },
  }
}

/** An instance's exports cannot be spread into an object with other members until they are its own. */
const own = (functions: SimFunctions): SimFunctions =>
  Object.fromEntries(Object.entries(functions)) as unknown as SimFunctions

const res = (view: DataView, at: number): number => view.getInt32(at + abi.CQE_RES, true)

/** A receive brings a byte less than the kernel took. */
const shortens = atCompletion('losesByte', abi.KIND_RECV, 20, (view) => (at) => {
  if (res(view, at) < 2) return false
  view.setInt32(at + abi.CQE_RES, res(view, at) - 1, true)
  return true
})

/** A receive names a channel that is long gone. */
const drops = atCompletion('dropsCompletion', abi.KIND_RECV, 20, (view) => (at) => {
  if (res(view, at) <= 0) return false
  view.setUint32(at + abi.CQE_USER_DATA + 4, view.getUint32(at + 4, true) ^ 0x800000, true)
  return true
})

/** The end of a stream does not come. */
const dropsEnd = atCompletion('dropsEnd', abi.KIND_RECV, 1, (view) => (at) => {
  if (res(view, at) !== 0) return false
  view.setUint32(at + abi.CQE_USER_DATA + 4, view.getUint32(at + 4, true) ^ 0x800000, true)
  return true
})

/** The kernel says of a call that all went well, and has done nothing. */
function atCall(name: string, op: number, nth: number): Mutant {
  return {
    name,
    kernel(functions, view) {
      let control = 0
      let left = nth
      return {
        ...own(functions),
        mr_setup(base, at, kernel) {
          control = at
          return functions.mr_setup(base, at, kernel)
        },
        mr_enter(loop, calls, submit, min, timeoutNs) {
          const u32 = (at: number): number => view.getUint32(at, true)
          const first = u32(control + abi.CONTROL_CALLS) + u32(control + abi.CONTROL_CALLS_DONE) * abi.CALL_BYTES
          let skipped = -1
          for (let i = 0; i < calls && left > 0; i++) {
            const at = first + i * abi.CALL_BYTES
            if (u32(at + abi.CALL_OP) === op && --left === 0) skipped = at
          }
          if (skipped >= 0) view.setUint32(skipped + abi.CALL_OP, 0xffff, true)
          const result = functions.mr_enter(loop, calls, submit, min, timeoutNs)
          if (skipped >= 0) view.setInt32(skipped + abi.CALL_RESULT, 0, true)
          return result
        },
      }
    },
  }
}

/** A server answers a GET with what the GET before it found. */
const crosses: Mutant = {
  name: 'crossesReplies',
  server(server) {
    let before: string | Buffer = '$-1\r\n'
    server.answer = (words, plain) => {
      if (words[0] !== 'GET') return plain
      const answer = before
      before = plain
      return answer
    }
  },
}

/** A server says OK to every fifth write and forgets it. */
const forgets: Mutant = {
  name: 'forgetsWrites',
  server(server) {
    let writes = 0
    server.answer = (words, plain) => {
      if (words[0] === 'SET' && ++writes % 5 === 0) server.data.delete(words[1] ?? '')
      return plain
    }
  },
}

/** A server leaves out a reply: those behind it come to the wrong requests, or the last is never answered. */
const swallows: Mutant = {
  name: 'swallowsReply',
  server(server) {
    let replies = 0
    server.answer = (_, plain) => (++replies === 30 ? '' : plain)
  },
}

export const MUTANTS: readonly Mutant[] = [
  shortens,
  drops,
  dropsEnd,
  atCall('leaksDescriptor', abi.CALL_CLOSE, 3),
  crosses,
  forgets,
  swallows,
]

export function mutant(name: string): Mutant {
  const found = MUTANTS.find((candidate) => candidate.name === name)
  if (found === undefined)
    throw new Error(`SIM_MUTANT=${name}: they are ${MUTANTS.map((each) => each.name).join(', ')}`)
  return found
}
