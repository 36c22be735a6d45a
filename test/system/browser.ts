// The package in a browser: a static server that has no more files than the published package and the examples have,
// and a headless Chromium.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
}
/** It speaks to nobody but the page's server. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const PROGRAM = process.env.CHROMIUM ?? 'chromium'

/** Where Chromium is, or why not. */
export function findChromium(): { readonly path: string } | { readonly missing: string } {
  const path = spawnSync('which', [PROGRAM], { encoding: 'utf8' }).stdout?.trim()
  return path ? { path } : { missing: `${PROGRAM} is missing: sudo apt-get install -y chromium` }
}

export async function launch(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: FLAGS })
}

/** Serves what package.json publishes, and examples/; returns where, and which paths were asked for. */
export async function servePackage(): Promise<{ readonly origin: string; readonly asked: string[] }> {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] }
  const allowed = [...files, 'examples']
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1)
    asked.push(path)
    try {
      if (!allowed.some((file) => path === file || path.startsWith(`${file}/`))) throw new Error('not published')
      const bytes = readFileSync(join(ROOT, path))
      // WebAssembly comes without its type, as from many a server
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
      response.end(bytes)
    } catch {
      response.statusCode = 404
      response.end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** The example's page once the core is loaded; a complaint of the browser fails the test. */
export async function openPage(browser: Browser, origin: string, before?: () => void): Promise<Page> {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  onTestFinished(async () => {
    await page.close()
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
  })
  if (before !== undefined) await page.addInitScript(before)
  await page.goto(`${origin}/examples/hosts/browser/index.html`)
  await page.locator('#status', { hasText: 'Ready' }).waitFor({ timeout: 20_000 })
  return page
}
