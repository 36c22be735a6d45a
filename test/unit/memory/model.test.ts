// skbs, fragments and queues against naive buffers: random commands, every byte and every header compared after each,
// with memory and without, in the build that is shipped and in the one that poisons what is freed. fast-check prints
// the seed and the shortest list of commands where something does not hold.
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { SEED } from '../../system/random.ts'
import { type Build, coreModule } from '../core-build.ts'
import { type Choice, operations, shortages } from './commands.ts'
import { type Model, Real } from './model.ts'

// compiled before the clock of a test runs
for (const build of ['test', 'debug'] as const) coreModule(build)

type Operation = (typeof operations)[string]

class Step implements fc.Command<Model, Real> {
  readonly name: string
  readonly operation: Operation
  readonly choice: Choice

  constructor(name: string, operation: Operation, choice: Choice) {
    this.name = name
    this.operation = operation
    this.choice = choice
  }

  check(): boolean {
    return true
  }

  run(model: Model, real: Real): void {
    this.operation(model, real, this.choice)
    real.check(model)
  }

  toString(): string {
    const { a, b, n } = this.choice
    return `${this.name}(${a}, ${b}, ${n})`
  }
}

const choice = fc.record({ a: fc.nat(1000), b: fc.nat(1000), n: fc.nat(50_000) })

function steps(of: Readonly<Record<string, Operation>>): fc.Arbitrary<Step>[] {
  return Object.entries(of).map(([name, operation]) => choice.map((chosen) => new Step(name, operation, chosen)))
}

function holds(build: Build, all: fc.Arbitrary<Step>[], numRuns: number): void {
  fc.assert(
    fc.property(fc.commands<Model, Real>(all, { maxCommands: 120, size: 'max' }), (commands) => {
      const real = new Real(build)
      const model: Model = { skbs: [], queues: [real.queue(), real.queue()] }
      fc.modelRun(() => ({ model, real }), commands)
      real.end(model)
    }),
    { seed: SEED, numRuns },
  )
}

const able = steps(operations)
// an alloc more often than the rest: without skbs nothing else does anything
const often = steps({ alloc: operations.alloc!, put: operations.put!, addFragment: operations.addFragment! })

describe.each([
  ['test', 60],
  ['debug', 25],
] as const)(`in the %s build, %i runs (MILLRACE_SEED=${SEED})`, (build, runs) => {
  test('every operation does to real memory what it does to naive buffers', () => {
    holds(build, [...able, ...often], runs)
  })

  test('without memory an operation happens whole or not at all', () => {
    holds(build, [...able, ...often, ...steps(shortages)], runs)
  })
})
