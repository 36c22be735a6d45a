// A loop that closes with skbs outstanding says whose they are, where they are sampled.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const script = `
  import { connect } from 'node:net'
  import { lengthField, listen } from '${new URL('../../dist/src/index.js', import.meta.url)}'
  import { threadLoop } from '${new URL('../../dist/src/loop/loop.js', import.meta.url)}'
  const codec = lengthField({ maxFrameLength: 1000, lengthFieldLength: 4, initialBytesToStrip: 4 })
  const server = await listen({ port: 0, host: '127.0.0.1', codec, handler: { frame() {} } })
  const socket = connect(server.address().port, '127.0.0.1')
  socket.write(Buffer.from([0, 0, 0, 9, 1, 2, 3])) // the rest of the frame never comes
  while (threadLoop().stats().skbs === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  if (process.argv[1] === 'close first') await server.close({ drain: 0 })
  let message = 'closed'
  try {
    threadLoop().close()
  } catch (error) {
    message = error.code + ' ' + error.message
  }
  console.log(message)
  process.exit()
`

async function closing(leaks: string, ...args: string[]): Promise<string> {
  const all = ['--input-type=module', '-e', script, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, all, {
    env: { ...process.env, MILLRACE_LEAKS: leaks },
  })
  return stdout.trim()
}

test('the error names the site of what is left', async () => {
  expect(await closing('1')).toMatch(
    /^MILLRACE_ERR_LEAK 1 skbs are outstanding as the loop closes: 1 from a frame that came in parts \(\d+ bytes/,
  )
})

test('nothing is said where everything was freed, or where nothing is sampled', async () => {
  expect(await closing('1', 'close first')).toBe('closed')
  expect(await closing('0')).toBe('closed')
})
