// The memcached codec against the real memcached: what one refuses the other does, in the same words; where we differ
// on purpose the difference is listed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memcached } from '../../src/core/codec/memcached.ts'
import { type Core, instantiateCore } from '../../src/core/load.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { freePort, NO_MEMCACHED, Program, poll, titled } from './harness.ts'
import { Wire } from './wire.ts'

const LONG = 'k'.repeat(251)
/** Each one command; the data of storage commands is as long as they say. */
const COMMANDS = [
  ...[
    'get a',
    'get',
    'get ',
    'gets a b',
    `get ${LONG}`,
    `get a ${LONG}`,
    'GET a',
    '',
    'x',
    'foo a',
    'gat 0 a',
    'gat x a',
    'gat',
  ],
  ...['set a 0 0 3\r\nabc', 'set a 0 0', 'cas a 0 0 1', 'cas a 0 0 0 5\r\n', 'set a 4294967296 0 1\r\na'],
  ...[
    'set a 0 0 0\r\n',
    'add b 0 -1 1\r\nx',
    'append a 0 0 1\r\nx',
    'prepend q 0 0 1\r\nx',
    'replace q 0 0 1\r\nx',
    'set a 0 0 +3\r\nabc',
  ],
  ...[
    'incr a -1',
    'incr a 1',
    'incr a',
    'incr a x',
    'decr a 1 noreply x',
    'decr a 18446744073709551616',
    `incr ${LONG} 1`,
  ],
  ...[
    'touch a',
    'touch a 0',
    'touch a x',
    `touch ${LONG} 0`,
    'delete a',
    'delete a 0',
    'delete a b',
    'delete',
    'delete a b c d',
  ],
  ...[
    'flush_all',
    'flush_all x',
    'flush_all 0',
    'flush_all 1 2 3',
    'verbosity',
    'verbosity 1',
    'verbosity x',
    'version',
    'stats items',
  ],
  ...[
    'mn',
    'mg a v',
    'mg',
    `mg ${LONG} v`,
    'ms a 2 T0\r\nhi',
    'ms',
    'md a',
    `md ${LONG}`,
    'ma a N0 J1',
    'me a',
    'mx a',
    'me',
  ],
  ...[
    'lru',
    'cache_memlimit',
    'get a\tb',
    `set a 0 0 2000000\r\n${'x'.repeat(2000000)}`,
    `ms z 2000000\r\n${'x'.repeat(2000000)}`,
  ],
]

describe.skipIf(NO_MEMCACHED)(titled('the memcached codec against memcached', NO_MEMCACHED), () => {
  let core: Core
  let server: Program

  beforeAll(async () => {
    core = instantiateCore(readCore())
    const port = await freePort()
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    server = new Program('memcached', 'memcached', [
      '-l',
      '127.0.0.1',
      '-p',
      String(port),
      '-U',
      '0',
      '-t',
      '1',
      ...user,
    ])
    server.port = port
    await poll(
      () =>
        Wire.open(port).then(
          (wire) => wire.destroy() ?? true,
          () => false,
        ),
      'memcached answers',
    )
  })

  afterAll(() => server?.stop())

  /** What memcached says to some bytes, up to the answer to a `mn` behind them, or its end. */
  async function ask(bytes: string): Promise<{ reply: string; closed: boolean }> {
    const wire = await Wire.open(server.port)
    wire.write(Buffer.from(`${bytes}mn\r\n`, 'latin1'))
    await wire.until(() => wire.closed || wire.bytes().toString('latin1').endsWith('MN\r\n'))
    const reply = wire.bytes().toString('latin1')
    const { closed } = wire
    wire.destroy()
    return { reply: reply.replace(/MN\r\n$/, ''), closed }
  }

  /** What the codec refuses of some bytes. */
  function refused(bytes: string): string[] {
    const decoder = core.decoder(memcached())
    const errors = decoder.push(Buffer.from(bytes, 'latin1')).flatMap(({ error }) => (error ? [error.message] : []))
    decoder.dispose()
    return errors
  }

  test.each(COMMANDS.map((command) => [command.slice(0, 60), `${command}\r\n`] as const))('%j', async (_, bytes) => {
    const errors = refused(bytes)
    const { reply, closed } = await ask(bytes)
    expect(closed).toBe(false)
    const syntax = /^(ERROR|CLIENT_ERROR (bad|invalid)[^\r]*|SERVER_ERROR object[^\r]*)\r\n$/.exec(reply)
    expect(errors, reply.slice(0, 200)).toEqual(syntax === null ? [] : [syntax[1]])
  })

  test('data that is longer than its length is read as a command, as memcached reads it', async () => {
    const bytes = 'set a 0 0 3\r\nabcdef\r\n'
    expect((await ask(bytes)).reply).toBe(`${refused(bytes).join('\r\n')}\r\n`)
    expect(refused(bytes)).toEqual(['CLIENT_ERROR bad data chunk', 'ERROR'])
  })

  test('what we refuse otherwise: memcached takes the data of a refused command for the next one', async () => {
    for (const line of [`set ${LONG} 0 0 4`, 'set a -1 0 4', 'set a 0 x 4', 'set a 0 0 4 noreply x']) {
      const bytes = `${line}\r\nxyzw\r\n`
      const [error] = refused(bytes)
      expect((await ask(bytes)).reply).toBe(`${error}\r\nERROR\r\n`)
      expect(refused(bytes)).toHaveLength(1)
    }
    // a length that cannot be read: it goes on, we do not
    for (const length of ['abc', '-1']) {
      const bytes = `set a 0 0 ${length}\r\nxyzw\r\n`
      expect((await ask(bytes)).reply).toBe('CLIENT_ERROR bad command line format\r\nERROR\r\n')
      expect(refused(`${bytes}flush_all\r\n`)).toEqual(['CLIENT_ERROR bad command line format'])
    }
  })

  test('a browser and an endless line are turned away', async () => {
    const browser = 'GET / HTTP/1.1\r\n'
    expect(await ask(browser)).toEqual({ reply: '', closed: true })
    expect(refused(browser)).toEqual(['CLIENT_ERROR possible cross-protocol attack'])
    const endless = 'x'.repeat(20_000)
    const wire = await Wire.open(server.port)
    wire.write(endless)
    await wire.until(() => wire.closed)
    expect(wire.length).toBe(0)
    wire.destroy()
    expect(refused(endless)).toEqual(['CLIENT_ERROR line too long'])
  })
})
