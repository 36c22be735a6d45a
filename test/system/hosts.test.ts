// The core in every host that can be had here: the examples print the same lines, and the page in the browser does what
// it promises.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as api from '../../dist/src/core/index.js'
import { findChromium, launch, openPage, servePackage } from './browser.ts'
import { titled } from './harness.ts'

const ROOT = join(import.meta.dirname, '../..')
const LINES = [
  "frame 'hello'",
  "frame ''",
  'error MILLRACE_ERR_FRAME_TOO_LONG, 42 bytes',
  "frame 'world'",
  'error MILLRACE_ERR_FRAME_INCOMPLETE, 5 bytes',
  'key user:1 → 10.0.0.2:6379',
  'key user:2 → 10.0.0.3:6379',
  'key user:3 → 10.0.0.2:6379',
]

const arm = process.arch === 'arm64'
const PLACES = {
  bun: [`@oven/bun-linux-${arm ? 'aarch64' : 'x64'}/bin/bun`, '@oven/bun-linux-x64-baseline/bin/bun'],
  deno: [`@deno/linux-${arm ? 'arm64' : 'x64'}-glibc/deno`],
}

/** A host that `make test` installs with npm. */
function installed(name: keyof typeof PLACES): string | undefined {
  return PLACES[name].map((place) => join(ROOT, 'test/hosts/node_modules', place)).find((path) => existsSync(path))
}

const BUN = installed('bun')
const DENO = installed('deno')
const CHROMIUM = findChromium()
const lacks = (program: string): boolean => spawnSync(program, ['--version']).error !== undefined
const missing = (path: string | undefined, name: string): string =>
  path === undefined ? `${name} is missing: make peers, where the npm registry can be reached` : ''

interface Host {
  readonly name: string
  readonly reason: string
  readonly command: readonly string[]
}

const example = (name: string): string => join(ROOT, 'examples/hosts', name)
const HOSTS: readonly Host[] = [
  { name: 'Node.js', reason: '', command: [process.execPath, example('node.mjs')] },
  { name: 'Bun', reason: missing(BUN, 'bun'), command: [BUN ?? '', example('bun.mjs')] },
  {
    name: 'Deno',
    reason: missing(DENO, 'deno'),
    command: [DENO ?? '', 'run', '--no-prompt', `--allow-read=${ROOT}`, example('deno.mjs')],
  },
  {
    name: 'Deno, allowed to look at MILLRACE_SIMD,',
    reason: missing(DENO, 'deno'),
    command: [DENO ?? '', 'run', '--no-prompt', '--allow-env', `--allow-read=${ROOT}`, example('deno.mjs')],
  },
  {
    name: 'a C program made by wasm2c',
    reason: lacks('wasm2c') ? 'wasm2c is missing: sudo apt-get install -y wabt' : lacks('cc') ? 'there is no cc' : '',
    command: ['make', '--silent', '-C', example('c'), 'run'],
  },
]

describe('the example of', () => {
  for (const { name, reason, command } of HOSTS) {
    it.skipIf(reason).each(['', '0'])(titled(`${name} prints the same lines, MILLRACE_SIMD='%s'`, reason), (simd) => {
      const [program = '', ...args] = command
      const env = { ...process.env, MILLRACE_SIMD: simd }
      const { stdout, stderr, status } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', env })
      expect(stderr).toBe('')
      expect(stdout.trimEnd().split('\n')).toEqual(LINES)
      expect(status).toBe(0)
    })
  }
})

const NO_CHROMIUM = 'missing' in CHROMIUM ? CHROMIUM.missing : ''

describe.skipIf(NO_CHROMIUM)(titled('the page in Chromium', NO_CHROMIUM), () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch('path' in CHROMIUM ? CHROMIUM.path : '')
  })
  afterAll(() => browser?.close())

  const open = async (before?: () => void): Promise<{ page: Page; asked: string[] }> => {
    const { origin, asked } = await servePackage()
    return { page: await openPage(browser, origin, before), asked }
  }
  const rows = (page: Page): Promise<string[]> => page.locator('#results tr').allInnerTexts()

  it('prints the same lines, with the files of the package as they are', async () => {
    const { page, asked } = await open()
    expect((await page.locator('#tour').textContent())?.split('\n')).toEqual(LINES)
    expect(await page.locator('#status').innerText()).toContain('core.wasm')
    expect(asked.filter((path) => path.endsWith('.wasm'))).toEqual(['build/core.wasm'])
  })

  it('takes the baseline where the browser has no SIMD', async () => {
    const { page, asked } = await open(() => {
      WebAssembly.validate = () => false
    })
    expect((await page.locator('#tour').textContent())?.split('\n')).toEqual(LINES)
    expect(await page.locator('#status').innerText()).toContain('core.baseline.wasm')
    expect(asked.filter((path) => path.endsWith('.wasm'))).toEqual(['build/core.baseline.wasm'])
  })

  it('runs in a worker, where it may be instantiated at once', async () => {
    const { page } = await open()
    const said = await page.evaluate(async () => {
      const source = `
        import { HashRing, instantiateCore, loadCore } from '${location.origin}/dist/src/core/index.js'
        const bytes = await (await fetch('${location.origin}/build/core.baseline.wasm')).arrayBuffer()
        const [own, loaded] = [instantiateCore(bytes), await loadCore({})]
        const owner = new HashRing([{ id: 'a' }], { core: loaded }).lookup('key')
        postMessage([own.simd, loaded.simd, owner].join())`
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
      const worker = new Worker(url, { type: 'module' })
      return new Promise<string>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = ({ message }) => reject(new Error(message))
      }).finally(() => worker.terminate())
    })
    expect(said).toBe('false,true,a')
  })

  it('offers every codec and every kind of ring there is, and each of them works', async () => {
    const { page } = await open()
    const codecs = await page.locator('[name=codec] option').allInnerTexts()
    expect(codecs).toContain('lengthField')
    const factories = ['line', 'delimiter', 'fixed', 'varint32', 'resp', 'memcached', 'http1', 'raw', 'lengthField']
    expect([...codecs].sort()).toEqual(factories.filter((name) => name in api).sort())
    for (const codec of codecs) {
      await page.locator('[name=codec]').selectOption(codec)
      expect(await page.locator('#decoder-error').isVisible(), codec).toBe(false)
      expect((await rows(page)).length, codec).toBeGreaterThan(0)
    }
    for (const compat of await page.locator('[name=compat] option').allInnerTexts()) {
      await page.locator('[name=compat]').selectOption(compat)
      expect(await page.locator('#ring-error').isVisible(), compat).toBe(false)
      expect(await page.locator('#owner').innerText(), compat).toContain('→')
    }
  })

  it('shows the same frames and errors wherever the slider cuts', async () => {
    const { page } = await open()
    await page
      .locator('[name=stream]')
      .fill(String.raw`\0\x02hi\0\0\0\x28too long, forty bytes are announced here\0\x01!`)
    const bytes = Number(await page.locator('[name=cut]').getAttribute('max'))
    expect(bytes).toBe(4 + 2 + 42 + 3)
    for (let cut = 0; cut <= bytes; cut += 3) {
      await page.locator('[name=cut]').fill(String(cut))
      const found = (await rows(page)).map((row) => row.replace(/^\S+\s+/, '').replace(/\s+/g, ' '))
      expect(found, `cut at ${cut}`).toEqual(['hi 2', '(empty) 0', 'MILLRACE_ERR_FRAME_TOO_LONG 42', '! 1'])
      expect(await page.locator('#verdict').innerText()).toMatch(/^✓ 3 frames and 1 errors/)
    }
    await page.locator('[name=bytewise]').check()
    expect(await page.locator('#verdict').innerText()).toMatch(/^✓/)
  })

  it('says what is wrong with an escape or a parameter, and goes on', async () => {
    const { page } = await open()
    await page.locator('[name=stream]').fill(String.raw`\q`)
    expect(await page.locator('#decoder-error').innerText()).toContain(String.raw`\q is no escape`)
    await page.locator('[name=stream]').fill(String.raw`\0\x02ok`)
    expect(await page.locator('#decoder-error').isVisible()).toBe(false)
    await page.locator('[name=maxFrameLength]').fill('1')
    expect(await page.locator('#decoder-error').innerText()).toContain('maxFrameLength must be')
    expect(await rows(page)).toHaveLength(1)
  })

  it('shows owner, balance and what moves when a server is added, as the core has it', async () => {
    const { page } = await open()
    const core = await api.loadCore()
    const four = [1, 2, 3, 4].map((i) => ({ id: `10.0.0.${i}:6379`, weight: i === 4 ? 2 : 1 }))
    const five = [...four, { id: '10.0.0.5:6379', weight: 1 }]
    const before = new api.HashRing(four, { core, points: 24 })
    const after = new api.HashRing(five, { core, points: 24 })
    await page.locator('#add').click()
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
    const { share, moves } = before.migration(after)
    expect(await page.locator('#moves').innerText()).toContain(`moves ${percent(share)} of all keys`)
    expect(await page.locator('#moves li').count()).toBe(moves.length)
    expect(await page.locator('#servers small').allInnerTexts()).toEqual(
      after.stats().servers.map((server, i) => `${percent(server.share)} of ${percent(five[i]!.weight / 6)}`),
    )
    for (const key of ['', 'a', 'user:4711', 'käse']) {
      await page.locator('[name=key]').fill(key)
      expect(await page.locator('#owner').innerText()).toBe(`“${key}” → ${after.lookup(key)}`)
    }
    // an owner each in the circle, and the new one outside of it
    const owners = await page
      .locator('#circle path')
      .evaluateAll((paths) => paths.map((path) => path.getAttribute('data-owner')))
    expect(owners.sort()).toEqual(['0', '1', '2', '3', '4', '4'])
    await page.getByRole('button', { name: 'Remove 10.0.0.5:6379' }).click()
    expect(await page.locator('#moves').innerText()).toContain(`moves ${percent(share)} of all keys`)
    await page.getByLabel('Weight of 10.0.0.1:6379').fill('-1')
    await page.getByLabel('Weight of 10.0.0.1:6379').blur()
    expect(await page.locator('#ring-error').innerText()).toContain('weight must be')
    expect(await page.getByLabel('Weight of 10.0.0.1:6379').inputValue()).toBe('1')
    before.dispose()
    after.dispose()
  })
})
