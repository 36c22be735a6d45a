// How a ring's shares look: a plain table for files and pipes, a bar chart for people.

import type { RingServerStats, RingStats } from '../core/hash-ring.ts'
import type { RingMigration } from '../core/ring-migration.ts'

export interface ChartStyle {
  readonly columns: number
  readonly colour: boolean
}

const BAR_COLUMNS_MIN = 10
const BAR_COLUMNS_MAX = 60
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const CYAN = '\x1b[36m'
const DIM = '\x1b[2m'
const RESET = '\x1b[0m'

/** Tab-separated, with a head line. */
export function shareTable(stats: RingStats): string {
  const rows = stats.servers.map(({ id, weight, points, share }) => [id, weight, points, percent(share)].join('\t'))
  return `${['server\tweight\tpoints\tshare', ...rows].join('\n')}\n`
}

/** Who gives how much to whom, and the sum of it last. */
export function moveTable({ moves, share }: RingMigration): string {
  const rows = moves.map(({ from, to, share }) => [from, to, percent(share)].join('\t'))
  return `${['from\tto\tshare', ...rows, `all\tall\t${percent(share)}`].join('\n')}\n`
}

/** One bar per server, the longest as wide as the screen allows, a mark where its weight says it should end. */
export function shareChart(stats: RingStats, style: ChartStyle): string {
  const total = stats.servers.reduce((sum, server) => sum + server.weight, 0)
  const idColumns = Math.max(...stats.servers.map((server) => server.id.length))
  const labels = stats.servers.map((server) => label(server, total))
  const labelColumns = Math.max(...labels.map((text) => text.length))
  const room = style.columns - idColumns - labelColumns - 4
  const width = Math.min(BAR_COLUMNS_MAX, Math.max(BAR_COLUMNS_MIN, room))
  const longest = Math.max(...stats.servers.map((server) => Math.max(server.share, server.weight / total)))
  const lines = stats.servers.map(({ id, weight, share }, i) => {
    const drawn = bar(share / longest, weight / total / longest, width, style.colour)
    return `${id.padEnd(idColumns)}  ${drawn}  ${labels[i]!.padStart(labelColumns)}`
  })
  const size = `${stats.points} points or slots`
  const head = `${stats.compat} ring, ${stats.hash}, ${size}; │ is where its weight says a bar ends`
  return `${paint(head, DIM, style.colour)}\n${lines.join('\n')}\n`
}

function label({ share, weight }: RingServerStats, total: number): string {
  const off = weight === 0 ? 0 : share / (weight / total) - 1
  const sign = off < 0 ? '−' : '+'
  return `${percent(share)}  ${sign}${(Math.abs(off) * 100).toFixed(1)}%`
}

function bar(part: number, fair: number, width: number, colour: boolean): string {
  const eighths = Math.round(part * width * 8)
  const filled = '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7]
  const mark = Math.min(width - 1, Math.round(fair * width))
  if (filled.length > mark) return paint(filled, CYAN, colour) + ' '.repeat(width - filled.length)
  return `${paint(filled, CYAN, colour)}${' '.repeat(mark - filled.length)}│${' '.repeat(width - mark - 1)}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`
}

function paint(text: string, style: string, colour: boolean): string {
  return colour ? `${style}${text}${RESET}` : text
}
