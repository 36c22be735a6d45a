// `millrace doctor`: what this machine has for millrace: on, off, why, and what to do.
import { parseArgs } from 'node:util'
import type { Feature } from '../kernel/features.ts'
import { KERNEL_MODELS } from '../kernel/models.ts'
import { kernelTable } from './kernel-table.ts'
import { EXIT_FAILURE, EXIT_OK, isUsageFault, usageFault } from './options.ts'

const HELP = `Usage: millrace doctor [options]

Prints the kernels that \`--kernel\` can choose, with what a wait costs and where each ends; and every feature of this
machine that matters to millrace: on or off, why, and what to do about it.
Exits with 0 where millrace can serve, with 1 where it cannot.

  --json      one JSON document: {"kernels": […], "features": […], "ok": true or false}
  -h, --help  print this
`

const OPTIONS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

/** Runs the command and returns its exit code. */
export async function doctor(argv: string[]): Promise<number> {
  let json: boolean
  try {
    const { values } = parseArgs({ args: argv, options: OPTIONS })
    if (values.help) {
      process.stdout.write(HELP)
      return EXIT_OK
    }
    json = values.json
  } catch (error) {
    if (!isUsageFault(error)) throw error
    return usageFault('doctor', error)
  }
  process.stdout.on('error', () => {}) // a reader may go away
  const { features, obstacles } = await examine()
  const ok = obstacles.length === 0
  const { isTTY, columns } = process.stdout
  const style = { columns: isTTY ? columns || 80 : 0, colour: isTTY === true && !process.env.NO_COLOR }
  const kernels = KERNEL_MODELS
  const plain = (): string => `${kernelTable(kernels)}\n${report(features, obstacles, style)}`
  process.stdout.write(json ? `${JSON.stringify({ kernels, features, ok })}\n` : plain())
  return ok ? EXIT_OK : EXIT_FAILURE
}

interface Findings {
  readonly features: readonly Feature[]
  /** Those for which millrace cannot serve. */
  readonly obstacles: readonly Feature[]
}

/** Without koffi nothing that knows the shim can even be imported. */
async function examine(): Promise<Findings> {
  try {
    const { features, obstacles } = await import('../kernel/features.ts')
    const found = features()
    return { features: found, obstacles: obstacles(found) }
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
    const missing: Feature = { name: 'koffi', state: 'off', why, fix: 'run `npm ci`' }
    return { features: [missing], obstacles: [missing] }
  }
}

export interface ReportStyle {
  /** Where lines are broken; 0: nowhere. */
  readonly columns: number
  readonly colour: boolean
}

const TEXT_COLUMNS_MIN = 30
const GREEN = '\x1b[32m'
const YELLOW = '\x1b[33m'
const RED = '\x1b[31m'
const DIM = '\x1b[2m'
const RESET = '\x1b[0m'

/** A line or more per feature, in columns, and the verdict. */
export function report(features: readonly Feature[], obstacles: readonly Feature[], style: ReportStyle): string {
  const { columns, colour } = style
  const paint = (text: string, with_: string): string => (colour ? `${with_}${text}${RESET}` : text)
  const width = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length))
  const nameColumns = width(features.map(({ name }) => name))
  const valueColumns = width(features.map(({ value = '-' }) => value))
  const indent = 'off  '.length + nameColumns + 2 + valueColumns + 2
  const room = columns === 0 ? Infinity : Math.max(TEXT_COLUMNS_MIN, columns - indent)
  const margin = ' '.repeat(indent)
  const blocks = features.map((feature) => {
    const { name, state, value = '-', why, fix } = feature
    const shade = state === 'on' ? GREEN : obstacles.includes(feature) ? RED : YELLOW
    const head = `${paint(state.padEnd(3), shade)}  ${name.padEnd(nameColumns)}  ${value.padEnd(valueColumns)}  `
    const todo = fix === undefined ? [] : wrap(`→ ${fix}`, room).map((line) => paint(line, DIM))
    return `${head}${[...wrap(why, room), ...todo].join(`\n${margin}`)}\n`
  })
  return `${blocks.join('')}\n${verdict(obstacles)}\n`
}

function verdict(obstacles: readonly Feature[]): string {
  if (obstacles.length === 0) return 'millrace can serve on this machine'
  return `millrace cannot serve on this machine: ${obstacles.map(({ name }) => name).join(', ')}`
}

function wrap(text: string, room: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
