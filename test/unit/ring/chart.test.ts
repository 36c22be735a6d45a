// The bar chart of `millrace ring --stats`: it fits the screen, and colours only where asked to.
import { describe, expect, test } from 'vitest'
import { shareChart } from '../../../src/cli/ring-chart.ts'
import { HashRing, type RingStats } from '../../../src/core/hash-ring.ts'
import { core } from './support.ts'

function statsOf(weights: readonly number[]): RingStats {
  using ring = new HashRing(
    weights.map((weight, i) => ({ id: `10.0.0.${i}:6379`, weight })),
    { core },
  )
  return ring.stats()
}

const bars = (chart: string): string[] => chart.trimEnd().split('\n').slice(1)

describe('a chart', () => {
  test.each([60, 80, 132, 400])('fits %i columns, one bar per server', (columns) => {
    const lines = bars(shareChart(statsOf([1, 2, 3, 10]), { columns, colour: false }))
    expect(lines).toHaveLength(4)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
  })

  test('has bars as long as the shares', () => {
    const lines = bars(shareChart(statsOf([1, 2, 4]), { columns: 100, colour: false }))
    const [one, two, four] = lines.map((line) => line.split('█').length - 1)
    expect(two! / one!).toBeCloseTo(2, 0)
    expect(four! / one!).toBeCloseTo(4, 0)
  })

  test('draws a server without keys', () => {
    expect(bars(shareChart(statsOf([1, 0]), { columns: 80, colour: false }))[1]).toMatch(
      /^10\.0\.0\.1:6379\s+│?\s+0\.00%/,
    )
  })

  test('has escapes only with colour', () => {
    expect(shareChart(statsOf([1, 1]), { columns: 80, colour: false })).not.toContain('\x1b')
    expect(shareChart(statsOf([1, 1]), { columns: 80, colour: true })).toContain('\x1b[36m')
  })
})
