// Keeps the reason of a skip where the JSON report has a place for it, so that test/report.mjs can print it.
import { beforeEach } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    reason?: string
  }
}

beforeEach((context) => {
  const { skip, task } = context
  const noting = ((condition: boolean | string, note?: string) => {
    const reason = typeof condition === 'string' ? condition : note
    if (reason !== undefined && condition !== false) task.meta.reason = reason
    return skip(condition as boolean, note)
  }) as typeof skip
  Object.defineProperty(context, 'skip', { value: noting })
})
