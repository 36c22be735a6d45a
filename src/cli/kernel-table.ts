// The table of kernels that `millrace doctor` prints: what each is, how it learns what is ready, what that costs, and
// where it ends.
import type { KernelModel } from '../kernel/models.ts'

const HEAD = ['kernel', 'model', 'a wait', 'descriptors', 'learns what is ready by']

/** A line per kernel, in columns. */
export function kernelTable(models: readonly KernelModel[]): string {
  const rows = models.map(({ name, model, cost, descriptors, learns }) => {
    const most = descriptors === undefined ? 'ulimit -n' : `below ${descriptors}`
    return [name, model, cost, most, learns]
  })
  const lines = [HEAD, ...rows]
  const widths = HEAD.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  return lines
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
