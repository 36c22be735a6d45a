// Every kernel that can serve, chosen by name: in a process that goes on being Node, several in one process, and at the
// limits that each has.
import { describe, expect, test } from 'vitest'
import { client, during, millrace, run, startMillrace } from './harness.ts'
import { script } from './library.ts'

const KERNELS = ['epoll', 'epoll-edge', 'poll', 'select', 'signal', 'spin'] as const
const OUTSIDE = ['epoll', 'epoll-edge'] as const

/** An echo server and its clients, as text for a script. */
const ECHO = `
  const { threadLoop } = await import('${new URL('../../dist/src/loop/loop.js', import.meta.url).href}')
  const echo = (kernel, options = {}) =>
    listen({ port: 0, kernel, handler: { frame: (channel, frame) => void channel.write(frame) }, ...options })
  /** Sends bytes in pieces, half-closes, and compares what comes back. */
  async function exchange(port, bytes, pieces) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const got = []
    socket.on('data', (chunk) => got.push(chunk))
    for (let i = 0; i < pieces; i++) {
      const at = (piece) => Math.floor((bytes.length * piece) / pieces)
      const part = bytes.subarray(at(i), at(i + 1))
      if (!socket.write(part)) await once(socket, 'drain')
    }
    socket.end()
    await once(socket, 'end')
    socket.destroy()
    return Buffer.concat(got).equals(bytes)
  }
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 255))
  const crowd = (server, n) =>
    Promise.all(Array.from({ length: n }, (_, i) => exchange(server.address().port, bytes, 1 + i)))
  const everyone = async (server, n) => (await crowd(server, n)).every(Boolean)
  const nothing = (loop) => loop.stats().skbs + loop.stats().channels
`

const NODE_LIFE = `
  const { execFile } = await import('node:child_process')
  const { Worker } = await import('node:worker_threads')
  const { readFile } = await import('node:fs/promises')
  const heard = once(process, 'SIGUSR2')
  process.kill(process.pid, 'SIGUSR2')
  await heard
  const child = await new Promise((resolve) => execFile(process.execPath, ['-p',
    'process.once("SIGUSR2", () => console.log("heard")); process.kill(process.pid, "SIGUSR2");' +
    'setTimeout(() => {}, 50); 6*7'],
    (_, out) => resolve(out.trim().split('\\n').join(' '))))
  const killed = await new Promise((resolve) => {
    const sleeper = execFile('sleep', ['100'], (error) => resolve(error.signal))
    sleeper.kill('SIGTERM')
  })
  const worker = new Worker('const { parentPort } = require("node:worker_threads"); ' +
    'parentPort.once("message", (n) => parentPort.postMessage(n + 1))', { eval: true, execArgv: [] })
  worker.postMessage(41)
  const [answer] = await once(worker, 'message')
  await worker.terminate()
  const began = performance.now()
  await pause(20)
  const slept = performance.now() - began >= 19
  const self = (await readFile('/proc/self/status', 'utf8')).startsWith('Name:')
  say('node', child, killed, answer, slept, self)
`

/** What a script prints; what it says on stderr is an error. */
async function printed(body: string, wait: 'prepare' | 'poll' | '' = 'prepare'): Promise<string[]> {
  const head = wait === '' ? `delete process.env.MILLRACE_WAIT\n${ECHO}` : ECHO
  const { code, stdout, stderr } = await script(wait === '' ? 'prepare' : wait, head + body)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trim().split('\n')
}

describe.each(KERNELS)('listen({ kernel: %s })', (kernel) => {
  test('serves a crowd, and Node goes on living beside it', async () => {
    const lines = await printed(`
      const server = await echo('${kernel}')
      say(server.stats().kernel, threadLoop('${kernel}').wait.name)
      say('echo', await everyone(server, 20))
      ${NODE_LIFE}
      say('again', await everyone(server, 5), server.stats().accepted)
      await server.close({ drain: 0 })
      await pause(20)
      say('left', nothing(threadLoop('${kernel}')))
    `)
    expect(lines).toEqual([
      `${kernel} prepare`,
      'echo true',
      'node 42 heard SIGTERM 42 true true',
      'again true 25',
      'left 0',
    ])
  })

  test('answers Redis commands, over --kernel', async () => {
    const server = await during(startMillrace('kv', ['--kernel', kernel]))
    expect(server.stdout).toContain(`kernel ${kernel} (asked for by name)`)
    const connection = await client(server)
    expect(await connection.ask('SET', 'a', 'x'.repeat(100_000))).toBe('OK')
    expect(String(await connection.ask('GET', 'a'))).toBe('x'.repeat(100_000))
  })
})

describe('two kernels in one process', () => {
  test.each([
    ['epoll', 'epoll-edge'],
    ['epoll-edge', 'epoll'],
    ['poll', 'epoll'],
    ['signal', 'epoll-edge'],
    ['epoll', 'uring'],
    ['uring', 'epoll'],
  ])('%s waits in prepare, %s behind a poll handle, and both serve', async (first, second) => {
    const lines = await printed(
      `
      const [one, two] = [await echo('${first}'), await echo('${second}')]
      for (const kernel of ['${first}', '${second}']) say(kernel, threadLoop(kernel).wait.name)
      say(threadLoop('${first}') === threadLoop('${first}'), threadLoop('${first}') === threadLoop('${second}'))
      const all = await Promise.all([everyone(one, 10), everyone(two, 10)])
      say('echo', ...all)
      say('alone', await everyone(two, 1), await everyone(one, 1))
      await Promise.all([one.close({ drain: 0 }), two.close({ drain: 0 })])
    `,
      '',
    )
    expect(lines).toEqual([`${first} prepare`, `${second} poll`, 'true false', 'echo true true', 'alone true true'])
  })

  test('a second one that nobody outside can wait for says so, and which can', async () => {
    const lines = await printed(
      `
      const one = await echo('epoll')
      const error = await echo('select').catch((error) => error)
      say(error.code, error.message)
      say('echo', await everyone(one, 3))
      await one.close({ drain: 0 })
    `,
      '',
    )
    expect(lines[0]).toBe(
      'MILLRACE_ERR_WAIT the select kernel has no descriptor that others could wait on, so that it serves only in ' +
        "libuv's prepare phase; another loop of this thread waits there. " +
        'Choose one of uring, uring-mapped, epoll, epoll-edge',
    )
    expect(lines[1]).toBe('echo true')
  })

  test('the default loop is the one of the kernel that is found to be the best, whoever comes first', async () => {
    const [best, ...lines] = await printed(
      `
      const plain = await echo()
      const { name } = threadLoop().kernel
      const named = await echo(name)
      say(name)
      say(threadLoop() === threadLoop(name), threadLoop().wait.name)
      await Promise.all([named.close({ drain: 0 }), plain.close({ drain: 0 })])
    `,
      '',
    )
    expect(lines).toEqual(['true prepare'])
    const turned = await printed(
      `
      const named = await echo('${best}')
      const plain = await echo()
      say(threadLoop() === threadLoop('${best}'), threadLoop().wait.name, await everyone(plain, 2))
      await Promise.all([named.close({ drain: 0 }), plain.close({ drain: 0 })])
    `,
      '',
    )
    expect(turned).toEqual(['true prepare true'])
  })
})

describe('behind a poll handle', () => {
  test.each(OUTSIDE)('%s serves', async (kernel) => {
    const lines = await printed(
      `
      const server = await echo('${kernel}')
      say(threadLoop('${kernel}').wait.name, await everyone(server, 20))
      await server.close({ drain: 0 })
    `,
      'poll',
    )
    expect(lines).toEqual(['poll true'])
  })

  test.each(['poll', 'select', 'signal', 'spin'])('%s cannot serve, and says why', async (kernel) => {
    const lines = await printed(`say((await echo('${kernel}').catch((error) => error)).message)`, 'poll')
    expect(lines[0]).toContain(`the ${kernel} kernel has no descriptor that others could wait on`)
    expect(lines[0]).toContain('MILLRACE_WAIT=poll')
  })
})

describe('limits', () => {
  test('select lowers maxChannels to what it can hold, and says so', async () => {
    const body = `
      const server = await echo('select', { maxChannels: 65_000 })
      say(JSON.stringify(server.stats()))
      const usual = await echo('select')
      say(usual.stats().maxChannels, (await echo('poll', { maxChannels: 65_000 }).catch((error) => error)).code)
      await Promise.all([server.close({ drain: 0 }), usual.close({ drain: 0 })])
    `
    const { code, stdout, stderr } = await script('prepare', `delete process.env.MILLRACE_WAIT\n${ECHO}${body}`)
    expect(code).toBe(0)
    const [first, second] = stdout.trim().split('\n')
    expect(JSON.parse(first!)).toMatchObject({ kernel: 'select', maxChannels: 960, refusedDescriptors: 0 })
    expect(second).toBe('960 MILLRACE_ERR_WAIT')
    expect(stderr.match(/MILLRACE_WARN_LIMIT/g)).toHaveLength(1)
    expect(stderr).toContain(
      'the select kernel serves at most 960 channels, not 65000: it holds only descriptors below',
    )
  })

  test('select out of descriptors drops nobody: who waits is served when others have gone', async () => {
    const lines = await printed(`
      const { openSync, closeSync } = await import('node:fs')
      const server = await echo('select')
      const { port } = server.address()
      const files = []
      while ((files.at(-1) ?? 0) < 1000) files.push(openSync('/dev/null'))
      const child = await import('node:child_process')
      // the clients' ends count in a process of their own
      const clients = child.spawn(process.execPath, ['-e', \`
        const { connect } = require('node:net')
        let answered = 0, lost = 0
        for (let i = 0; i < 60; i++) {
          const socket = connect(\${port}, '127.0.0.1')
          socket.on('error', () => {}).on('close', () => lost++).write('hello')
          socket.on('data', () => answered++)
        }
        process.on('message', () => process.send([answered, lost]))
      \`], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const count = async () => {
        clients.send('how many?')
        return (await once(clients, 'message'))[0]
      }
      const settled = async (until) => {
        for (let i = 0; i < 500; i++) {
          const [answered, lost] = await count()
          if (until(answered, lost)) return [answered, lost]
          await pause(10)
        }
        return count()
      }
      while (server.stats().refusedDescriptors === 0) await pause(5)
      const [some, lost] = await settled((answered) => answered > 0 && answered === server.stats().channels)
      say(some > 0 && some < 60, lost)
      for (const fd of files) closeSync(fd)
      say(...(await settled((answered) => answered === 60)), server.stats().channels)
      clients.kill()
      await server.close({ drain: 0 })
    `)
    expect(lines).toEqual(['true 0', '60 0 60'])
  })

  test('the tools say it too', async () => {
    const kv = await during(startMillrace('kv', ['--kernel', 'select']))
    expect(kv.stdout).toContain('the select kernel serves at most 960 channels, not 20000')
    expect(await (await client(kv)).raw('CONFIG', 'GET', 'maxclients')).toContain('960')
  })
})

describe('names', () => {
  test('an unknown one lists the known', async () => {
    const lines = await printed(`say((await echo('kqueue').catch((error) => error)).message)`)
    expect(lines[0]).toMatch(
      /^kernel 'kqueue' is not a kernel; the known ones are .*uring, .*epoll, epoll-edge, poll, select, signal, spin/,
    )
    const { code, stderr } = await millrace('up', '--kernel', 'kqueue')
    expect(code).toBe(2)
    expect(stderr).toMatch(/--kernel.*uring.*epoll-edge.*spin/)
  })

  test('MILLRACE_KERNEL names one for every loop that was not asked for by name', async () => {
    const program = `
      const { listen } = await import('${new URL('../../dist/src/index.js', import.meta.url).href}')
      const server = await listen({ port: 0, handler: { frame() {} } })
      console.log(server.stats().kernel)
      await server.close({ drain: 0 })
    `
    for (const kernel of KERNELS) {
      const args = [`MILLRACE_KERNEL=${kernel}`, process.execPath, '--input-type=module', '-e', program]
      expect((await run('env', args)).stdout.trim()).toBe(kernel)
    }
  })
})
