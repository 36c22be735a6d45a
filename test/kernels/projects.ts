// The product on every kernel that can serve: which test files run again for each, as projects of the runner named
// `kernel-…`. `make test` repeats a few that together touch every path between a service and its kernel;
// MILLRACE_TEST_KERNELS=all (`make test-kernels`) repeats all that have to do with sockets. A kernel that this machine
// refuses is one skipped test per file, with the reason.
import { spawn } from 'node:child_process'
import type { TestProjectConfiguration } from 'vitest/config'
import { servingKernels } from '../../src/kernel/choose.ts'

const FEW = ['kv-connection', 'proxy', 'listen']
const ALL = [
  ...['bounds', 'hostile', 'hostile-load', 'hostile-sizes', 'leaks', 'listen', 'listen-codecs', 'listen-crowded'],
  ...['listen-parts', 'listen-poll', 'proxy', 'proxy-clients', 'proxy-compat', 'proxy-crossing', 'proxy-faults'],
  ...['proxy-merge', 'kv-connection', 'kv-keys', 'kv-memory', 'kv-random', 'kv-strings', 'regressions', 'timers'],
]

const PROBE = `
  const { listen } = await import('${new URL('../../dist/src/index.js', import.meta.url).href}')
  const { threadLoop } = await import('${new URL('../../dist/src/loop/loop.js', import.meta.url).href}')
  const server = await listen({ port: 0, handler: { frame() {} } })
  console.log(threadLoop().kernel?.name ?? '')
  await server.close()
  process.exit(0)`

/** Starts a server on a kernel, or on the one that is chosen without being asked → its name, or why it does not go. */
async function attempt(kernel: string): Promise<{ readonly name: string; readonly refusal: string }> {
  const env = { ...process.env, MILLRACE_KERNEL: kernel }
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROBE], { env })
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code === 0) return { name: out.trim(), refusal: '' }
  return { name: '', refusal: /^\w*Error.*$/m.exec(err)?.[0] ?? err.trim().split('\n').at(-1) ?? 'it does not start' }
}

/** Whether the runner was asked for these projects: nobody should wait for the probes of those he does not run. */
function wanted(): boolean {
  const asked = process.argv.flatMap((word, i) =>
    word === '--project' ? [process.argv[i + 1] ?? ''] : word.startsWith('--project=') ? [word.slice(10)] : [],
  )
  return asked.length === 0 || asked.some((name) => name.startsWith('kernel') || name.includes('*'))
}

/** One project a kernel, but none for the kernel that all other tests run on. */
export async function kernelProjects(timeoutMs: number): Promise<TestProjectConfiguration[]> {
  if (!wanted()) return []
  const all = process.env.MILLRACE_TEST_KERNELS === 'all'
  const files = (all ? ALL : FEW).map((name) => `test/system/${name}.test.ts`)
  const usual = (await attempt(process.env.MILLRACE_KERNEL ?? '')).name
  const kernels = await Promise.all(
    servingKernels().map(async (kernel) => ({ kernel, refusal: (await attempt(kernel)).refusal })),
  )
  return kernels
    .filter(({ kernel }) => all || kernel !== usual)
    .map(({ kernel, refusal }) => ({
      extends: true,
      test: {
        name: `kernel-${kernel}`,
        include: refusal === '' ? files : ['test/kernels/refused.test.ts'],
        env: { MILLRACE_KERNEL: kernel, ...(refusal && { REFUSED: JSON.stringify({ files, refusal }) }) },
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
      },
    }))
}
