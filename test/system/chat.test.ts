// The chat of the examples, by people who come, talk at once, repeat names, read nothing, and leave.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { Program, poll } from './harness.ts'

const FILE = fileURLToPath(new URL('../../examples/chat.mjs', import.meta.url))

async function room(): Promise<number> {
  const program = new Program('chat', process.execPath, [FILE, '0'])
  onTestFinished(() => void program.process.kill('SIGKILL'))
  const said = (): RegExpExecArray | null => /listening on \S+:(\d+)/.exec(program.stdout)
  await poll(() => program.exit || said(), 'the chat listens', 10_000)
  return Number(said()?.[1])
}

class Person {
  readonly socket: Socket
  heard = ''
  /** The end of it: looking through all of it again and again takes its time. */
  last = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (text) => {
      this.heard += text
      this.last = (this.last + text).slice(-2000)
    })
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
  }

  static async come(port: number, name?: string): Promise<Person> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const person = new Person(socket)
    await person.hears('who are you?')
    if (name !== undefined) {
      person.say(name)
      await person.hears('here: ')
    }
    return person
  }

  say(text: string): void {
    this.socket.write(`${text}\n`)
  }

  hears(text: string): Promise<unknown> {
    return poll(() => this.heard.includes(text), `"${text}" is heard; it was ${this.heard.slice(-500)}`, 8000)
  }
}

test('names are asked for, and are one person\u2019s each', async () => {
  const port = await room()
  const ann = await Person.come(port, 'ann')
  const other = await Person.come(port)
  other.say('ann')
  await other.hears('that is somebody else')
  other.say('a b')
  await other.hears('no name')
  other.say('bob')
  await other.hears('here: ann, bob')
  await ann.hears('bob has come')
  ann.socket.end()
  await other.hears('ann has left')
  await Person.come(port, 'ann')
  await other.hears('ann has come')
})

test('everybody hears everybody else, in order, and not themselves', async () => {
  const port = await room()
  const names = ['ann', 'bob', 'cyd', 'dan']
  const people: Person[] = []
  for (const name of names) people.push(await Person.come(port, name))
  for (let i = 0; i < 50; i++) for (const [at, person] of people.entries()) person.say(`${names[at]} says ${i}`)
  for (const [at, person] of people.entries()) {
    for (const name of names) {
      const lines = (): string[] => person.heard.split('\n').filter((line) => line.startsWith(`${name}: `))
      const expected = name === names[at] ? [] : Array.from({ length: 50 }, (_, i) => `${name}: ${name} says ${i}`)
      await poll(() => lines().length >= expected.length, `${names[at]} hears ${name}`, 8000)
      expect(lines()).toEqual(expected)
    }
  }
})

test('a line that is too long is refused, and those around it are heard', async () => {
  const port = await room()
  const [ann, bob] = [await Person.come(port, 'ann'), await Person.come(port, 'bob')]
  ann.socket.write(`before\n${'x'.repeat(5000)}\nbehind\n`)
  await ann.hears('that was too long')
  await bob.hears('ann: before')
  await bob.hears('ann: behind')
  expect(bob.heard).not.toContain('xxx')
})

test('who does not read misses lines and is told how many; the others hear all', async () => {
  const port = await room()
  const [ann, bob, idle] = [
    await Person.come(port, 'ann'),
    await Person.come(port, 'bob'),
    await Person.come(port, 'idle'),
  ]
  idle.socket.pause()
  const count = 16_000 // more than the buffers of two sockets hold
  const text = 'y'.repeat(900)
  for (let i = 0; i < count; i += 100) {
    ann.socket.write(Array.from({ length: 100 }, (_, j) => `${i + j} ${text}\n`).join(''))
    const last = `ann: ${i + 99} `
    await poll(() => bob.last.includes(last), `${last}is heard`, 8000, 1)
  }
  expect(bob.heard.split('\n').filter((line) => line.startsWith('ann: '))).toHaveLength(count)
  idle.socket.resume()
  await idle.hears('lines were said that you did not read in time)')
  const told = [...idle.heard.matchAll(/\((\d+) lines were said/g)].reduce((sum, [, n]) => sum + Number(n), 0)
  const read = idle.heard.split('\n').filter((line) => line.startsWith('ann: ')).length
  expect(told + read).toBe(count)
}, 20_000)
