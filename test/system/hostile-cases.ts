// Bad input and what it gets: R1–R10 of the catalogue as data, and the cuts of a stream that must not change a thing.
import { expect } from 'vitest'
import { type Exchange, encode, exchange, latin1, show, Wire } from './wire.ts'

const fault = (text: string): RegExp => new RegExp(`^-ERR Protocol error: ${text}\r\n$`)
export const MULTIBULK = fault('invalid multibulk length')
const BULK = fault('invalid bulk length')
export const KiB = 1024

export type Case = { sent: string | Buffer; reply: RegExp; state: Exchange['state'] }
const open = (reply: RegExp, ...inputs: (string | Buffer)[]): Case[] =>
  inputs.map((input): Case => ({ sent: input, reply, state: 'open' }))
const closed = (reply: RegExp, ...inputs: (string | Buffer)[]): Case[] =>
  inputs.map((input): Case => ({ sent: input, reply, state: 'closed' }))

export const cases: readonly Case[] = [
  // R1: nothing to do
  ...open(/^$/, '\r\n', '\n', '*0\r\n', '*-1\r\n', '*-10\r\n', '\r\n\r\n*0\r\n\r\n*-1\r\n'),
  // R2: a count that is no count, or too large
  ...closed(
    MULTIBULK,
    '*3000000000\r\n',
    '*abc\r\n',
    '*01\r\n',
    '*9223372036854775808\r\n',
    '*1.0\r\n',
    '* 1\r\n',
    '*1 \r\n',
    '*+1\r\n',
  ),
  ...closed(
    MULTIBULK,
    '*\r\n',
    '*-\r\n',
    '*--1\r\n',
    '*00\r\n',
    '*99999999999999999999999999\r\n',
    '*18446744073709551617\r\n',
  ),
  // R3: a length that is no length, or too large
  ...[
    '-10',
    '2000000000',
    '536870913',
    'blabla',
    '+4',
    '04',
    ' 4',
    '4 ',
    '-1',
    '',
    '4.0',
    '9223372036854775808',
  ].flatMap((length) => closed(BULK, `*1\r\n$${length}\r\n`, `*2\r\n$4\r\nECHO\r\n$${length}\r\n`)),
  // R4: something else than a bulk string as an argument
  ...closed(fault("expected '\\$', got 'f'"), '*1\r\nfoo\r\n', '*2\r\n$4\r\nECHO\r\nfoo\r\n'),
  ...closed(fault("expected '\\$', got '\\*'"), '*1\r\n*1\r\n$4\r\nPING\r\n'),
  ...closed(fault("expected '\\$', got ':'"), '*1\r\n:1\r\n'),
  ...closed(fault("expected '\\$', got '\\+'"), '*2\r\n$4\r\nECHO\r\n+PING\r\n'),
  // R7: inline commands
  ...open(/^\+PONG\r\n$/, 'PING\n', 'PING\r\n', '   PING\r\n', 'ping\r\n', '"PING"\r\n'),
  ...closed(fault('unbalanced quotes in request'), 'SET a "b\r\n', "SET a 'b\r\n", 'SET a "b"c\r\n', 'PING "\r\n'),
  ...closed(fault('too big inline request'), 'x'.repeat(64 * KiB + 1), ' '.repeat(64 * KiB + 1)),
  ...closed(fault('too big mbulk count string'), `*${'1'.repeat(64 * KiB + 1)}`),
  ...closed(fault('too big bulk count string'), `*1\r\n$${'1'.repeat(64 * KiB + 1)}`),
  // R8: a request forged through a browser
  ...closed(/^$/, 'POST / HTTP/1.1\r\n', 'post / HTTP/1.1\r\nHost: a\r\n\r\n', 'Host: 127.0.0.1\r\n', 'host: x\r\n'),
  ...closed(/^$/, encode('POST', '/', 'HTTP/1.1'), encode('Host:', 'localhost')),
  // R9: what is no command is unknown, its bytes are kept
  ...open(/^-ERR [^\r]*\xff\xfe[^\r]*\r\n$/, '\xff\xfe\r\n', encode('\xff\xfe', 'a')),
  ...open(/^-ERR [^\r]*:1[^\r]*\r\n$/, ':1\r\n'),
  ...open(/^-ERR [^\r]*\+PING[^\r]*\r\n$/, '+PING\r\n'),
  ...open(/^-ERR [^\r]*\$4[^\r]*\r\n-ERR [^\r]*-1[^\r]*\r\n$/, '$4\r\n-1\r\n'),
  // R10: NUL where a type, a count or a length belongs, then data without end
  ...closed(fault('too big inline request'), `\0${'payload'.repeat(9363)}`.slice(0, 64 * KiB + 1)),
  ...closed(fault('too big mbulk count string'), `*\0${'payload'.repeat(9363)}`.slice(0, 64 * KiB + 2)),
  ...closed(fault('too big inline request'), `$\0${'payload'.repeat(9363)}`.slice(0, 64 * KiB + 1)),
  // what was owed before the fault comes first
  ...closed(/^\+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n$/, `${encode('PING')}*abc\r\n`),
  ...closed(
    /^\$5\r\nhello\r\n-ERR Protocol error: expected '\$', got 'x'\r\n$/,
    `${encode('ECHO', 'hello')}*1\r\nx\r\n${encode('PING')}`,
  ),
]

/** Where real Redis is more lenient or less bounded than millrace says it is. */
export const stricter: readonly Case[] = [
  // R2: the cap on elements is far lower
  ...closed(MULTIBULK, '*2147483647\r\n', '*1048577\r\n'),
  // R5: no CRLF after the data of a bulk
  ...closed(
    /^-ERR Protocol error: [^\r\n]+\r\n$/,
    '*1\r\n$4\r\nPINGxx',
    '*1\r\n$4\r\nPING\n\n',
    '*2\r\n$4\r\nECHO\r\n$1\r\na\rx',
  ),
]

/** A round trip on a connection of its own: what was sent before on others has probably been seen when it ends. */
export async function barrier(port: number): Promise<void> {
  for (let i = 0; i < 2; i++) await exchange(port, '')
}

/** Opens a connection for every place at which the bytes can be cut in two; all must get what the uncut bytes get. */
export async function cutEverywhere(
  port: number,
  make: (connection: number) => Buffer,
  expected: RegExp,
): Promise<void> {
  const length = make(0).length
  const wires = await Promise.all(Array.from({ length: length - 1 }, () => Wire.open(port)))
  for (const [i, wire] of wires.entries()) wire.write(make(i).subarray(0, i + 1))
  await barrier(port)
  for (const [i, wire] of wires.entries()) wire.write(make(i).subarray(i + 1))
  await barrier(port)
  for (const [i, wire] of wires.entries()) {
    const complete = (): boolean => expected.test(wire.bytes().toString('latin1'))
    await wire.until(() => wire.closed || complete(), 3_000)
    const cut = `"${show(make(i).subarray(0, i + 1))}" / "${show(make(i).subarray(i + 1))}"`
    expect(wire.bytes().toString('latin1'), `cut ${cut}`).toMatch(expected)
    wire.destroy()
  }
}

export async function oneByteAtATime(port: number, bytes: Buffer | string, expected: RegExp): Promise<void> {
  const wire = await Wire.open(port)
  for (const byte of latin1(bytes)) {
    wire.write(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  await wire.until(() => wire.closed || expected.test(wire.bytes().toString('latin1')), 3_000)
  expect(wire.bytes().toString('latin1'), show(bytes)).toMatch(expected)
  wire.destroy()
}
