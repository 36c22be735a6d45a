// What stands for the tests of a kernel that this machine refuses: see projects.ts.
import { test } from 'vitest'

const { files, refusal } = JSON.parse(process.env.REFUSED ?? '{"files":[],"refusal":""}') as {
  files: string[]
  refusal: string
}

for (const file of files) {
  test(`${file} on ${process.env.MILLRACE_KERNEL}`, (context) => context.skip(refusal))
}
