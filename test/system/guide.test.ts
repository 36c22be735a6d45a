// The guide: every program in it is run as it stands, and the commands below it get the answers that are printed there.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort, lacking, Program, poll } from './harness.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const absent = lacking('nc', 'netcat-openbsd', '-h') || lacking('curl', 'curl', '--version')

interface Sample {
  readonly section: string
  readonly program: string
  /** What the program itself prints; undefined: it serves. */
  readonly output: string | undefined
  /** What is asked of it, and the answers. */
  readonly commands: readonly { readonly command: string; readonly answer: string }[]
}

/** The JavaScript blocks of a page, each with the block of text or commands that follows it. */
function samples(page: string): Sample[] {
  const found: Sample[] = []
  let section = ''
  for (const [, heading, language, text = ''] of page.matchAll(/^## (.*)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) section = heading
    else if (language === 'js') found.push({ section, program: text, output: undefined, commands: [] })
    else if (language === 'text') found.push({ ...found.pop()!, output: text })
    else if (language === 'console') found.push({ ...found.pop()!, commands: commandsOf(text) })
  }
  return found
}

function commandsOf(text: string): { command: string; answer: string }[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...answer] = part.split('\n')
      return { command, answer: answer.join('\n') }
    })
}

const all = samples(readFileSync(`${ROOT}/docs/guide.md`, 'utf8'))

test('every program of the guide says what comes of it', () => {
  expect(all.length).toBeGreaterThan(5)
  for (const { section, output, commands } of all) {
    expect([section, output !== undefined || commands.length > 0]).toEqual([section, true])
  }
})

describe.skipIf(absent)(`the guide${absent && ` [skipped: ${absent}]`}`, () => {
  test.each(all.map((sample, i) => [`${i + 1}, ${sample.section}`, sample] as const))(
    'program %s',
    async (_, sample) => {
      const ports = new Map([
        ['7000', String(await freePort())],
        ['7001', String(await freePort())],
      ])
      const placed = (text: string): string => text.replace(/\b700[01]\b/g, (port) => ports.get(port) ?? port)
      const args = ['--input-type=module', '-e', placed(sample.program)]
      const program = new Program('guide', process.execPath, args)
      onTestFinished(() => void program.process.kill('SIGKILL'))
      if (sample.output !== undefined) {
        expect(await program.ended(10_000)).toEqual({ code: 0, signal: null })
        expect(program.stdout).toBe(sample.output)
        return
      }
      await poll(() => program.exit || program.stdout.includes('listening on'), 'it listens', 10_000)
      for (const { command, answer } of sample.commands) {
        const { stdout } = await promisify(execFile)('bash', ['-c', placed(command)])
        expect([command, stdout]).toEqual([command, answer])
      }
      expect(program.stderr).toBe('')
    },
  )
})
