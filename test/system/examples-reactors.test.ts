// The examples of reactors, run as a reader would run them.
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Program, poll } from './harness.ts'
import { ask } from './reactor-threads.ts'
import { Wire } from './wire.ts'

test.each(['reuseport', 'boss', 'pool'])('%s answers in two threads, and ends on SIGINT', async (name) => {
  const file = fileURLToPath(new URL(`../../examples/reactors/${name}.mjs`, import.meta.url))
  const program = new Program(name, process.execPath, [file, '0'])
  onTestFinished(() => void program.process.kill('SIGKILL'))
  const said = (): RegExpExecArray | null => /listening on \S+:(\d+)/.exec(program.stdout)
  await poll(() => program.exit || said(), `${name} listens`, 20_000)
  expect(program.exit, program.stderr).toBeUndefined()
  const threads = new Set<string>()
  for (let i = 0; i < 24; i++) {
    const wire = await Wire.open(Number(said()?.[1]))
    onTestFinished(() => wire.destroy())
    expect(await ask(wire, `message ${i}`)).toBe(`MESSAGE ${i}`)
    threads.add(await ask(wire, 'who'))
  }
  expect([...threads].sort()).toEqual(['1 of 2', '2 of 2'])
  program.process.kill('SIGINT')
  expect(await program.ended(10_000)).toEqual({ code: 0, signal: null })
  expect(program.stderr).toBe('')
})
