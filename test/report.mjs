// Reads the runner's JSON report and closes the log: every skipped test with its reason, every failure by name, and the
// counts alone on the last line. Exits 1 when something failed or nothing ran.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tests = report.testResults.flatMap((file) =>
  file.assertionResults.map((test) => ({ ...test, file: relative('.', file.name) })),
)
const brokenFiles = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
const failed = tests.filter((test) => test.status === 'failed')
const passed = tests.filter((test) => test.status === 'passed')
const skipped = tests.filter((test) => test.status !== 'failed' && test.status !== 'passed')

for (const test of skipped) {
  const reason = test.meta?.reason
  console.log(`skipped: ${test.file}: ${test.fullName}${reason ? ` [${reason}]` : ''}`)
}
for (const test of failed) console.log(`failed: ${test.file}: ${test.fullName}`)
for (const file of brokenFiles) console.log(`failed: ${relative('.', file.name)}: ${file.message.split('\n')[0]}`)

const failures = failed.length + brokenFiles.length
console.log(`${passed.length} passed, ${failures} failed, ${skipped.length} skipped`)
process.exitCode = failures > 0 || passed.length === 0 ? 1 : 0
