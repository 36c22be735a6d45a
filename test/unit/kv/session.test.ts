// What a connection is: its database, its protocol, its name, whether it is authenticated, and how it ends.
import { expect, test } from 'vitest'
import { converse, type Exchange, expected, KV, SESSION, TestCore, TestKv } from '../core-test.ts'

const NOAUTH = '-NOAUTH Authentication required.\r\n'
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

function check(kv: TestKv, exchanges: readonly Exchange[]): void {
  expect(converse(kv, exchanges)).toEqual(expected(exchanges))
}

test('PING and ECHO', () => {
  check(new TestKv(new TestCore()), [
    ['PING', '+PONG\r\n'],
    ['ping hello', '$5\r\nhello\r\n'],
    ['PING a b', "-ERR wrong number of arguments for 'ping' command\r\n"],
    ['ECHO hello', '$5\r\nhello\r\n'],
    ['ECHO', "-ERR wrong number of arguments for 'echo' command\r\n"],
  ])
})

test('inline commands', () => {
  const kv = new TestKv(new TestCore())
  expect(kv.feed(Buffer.from('SET a "b c"\r\nGET a\r\n\r\nPING\n')).toString()).toBe('+OK\r\n$3\r\nb c\r\n+PONG\r\n')
})

test('TIME tells the clock of the turn', () => {
  const kv = new TestKv(new TestCore())
  kv.core.advance(1234)
  expect(kv.run('TIME')).toBe('*2\r\n$10\r\n1700000001\r\n$6\r\n234000\r\n')
})

test('databases are apart', () => {
  const kv = new TestKv(new TestCore())
  check(kv, [
    ['SET a 0', '+OK\r\n'],
    ['SELECT 15', '+OK\r\n'],
    ['GET a', '$-1\r\n'],
    ['SET a 15', '+OK\r\n'],
    ['DBSIZE', ':1\r\n'],
    ['SELECT 16', '-ERR DB index is out of range\r\n'],
    ['SELECT -1', '-ERR DB index is out of range\r\n'],
    ['SELECT x', '-ERR value is not an integer or out of range\r\n'],
    ['SELECT 3000000000', '-ERR value is out of range, value must between -2147483648 and 2147483647\r\n'],
    ['FLUSHDB', '+OK\r\n'],
    ['SELECT 0', '+OK\r\n'],
    ['GET a', '$1\r\n0\r\n'],
  ])
  kv.checkEmpty()
})

test('HELLO chooses the protocol', () => {
  const kv = new TestKv(new TestCore())
  const hello = (start: string, proto: number): string =>
    `${start}$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:${proto}\r\n` +
    '$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n'
  check(kv, [
    ['HELLO', hello('*14\r\n', 2)],
    ['HELLO 3', hello('%7\r\n', 3)],
    ['HELLO', hello('%7\r\n', 3)],
    ['GET nosuch', '_\r\n'],
    ['MGET nosuch', '*1\r\n_\r\n'],
    ['SET a 1 XX', '_\r\n'],
    ['RANDOMKEY', '_\r\n'],
    ['CLIENT GETNAME', '_\r\n'],
    ['HELLO 4', '-NOPROTO unsupported protocol version\r\n'],
    ['HELLO x', '-ERR Protocol version is not an integer or out of range\r\n'],
    ['HELLO 2 FOO', "-ERR Syntax error in HELLO option 'FOO'\r\n"],
    ['HELLO 2 SETNAME bob', hello('*14\r\n', 2)],
    ['CLIENT GETNAME', '$3\r\nbob\r\n'],
    ['RESET', '+RESET\r\n'],
    ['CLIENT GETNAME', '$-1\r\n'],
  ])
  kv.checkEmpty()
})

test('CLIENT ID, SETNAME, GETNAME; the rest goes to the host', () => {
  const kv = new TestKv(new TestCore())
  check(kv, [
    ['CLIENT ID', ':7\r\n'],
    ['CLIENT SETNAME me', '+OK\r\n'],
    ['client getname', '$2\r\nme\r\n'],
    [['CLIENT', 'SETNAME', 'a b'], '-ERR Client names cannot contain spaces, newlines or special characters.\r\n'],
    [['CLIENT', 'SETNAME', ''], '+OK\r\n'],
    ['CLIENT GETNAME', '$-1\r\n'],
    ['CLIENT', "-ERR wrong number of arguments for 'client' command\r\n"],
  ])
  for (const command of ['CLIENT LIST', 'CLIENT ID x', 'INFO', 'CONFIG GET save', 'COMMAND']) {
    expect(kv.run(...command.split(' '))).toBe('')
    expect(kv.result).toBe(KV.UPCALL)
  }
  kv.run('CLIENT', 'SETNAME', 'left-over')
  kv.core.call('sessionFree', kv.session)
  kv.checkEmpty()
})

test('QUIT answers and closes; POST and Host: close at once', () => {
  const kv = new TestKv(new TestCore())
  expect(kv.run('QUIT')).toBe('+OK\r\n')
  expect(kv.result).toBe(KV.CLOSE)
  for (const line of ['POST / HTTP/1.1\r\n', 'Host: example.org\r\n']) {
    expect(kv.feed(Buffer.from(line)).toString()).toBe('')
    expect(kv.result).toBe(KV.CLOSE_SILENT)
  }
  expect(kv.run('host\x1a')).toBe("-ERR unknown command 'host\x1a', with args beginning with: \r\n")
})

test('without a password AUTH has nothing to check', () => {
  check(new TestKv(new TestCore()), [
    [
      'AUTH x',
      '-ERR AUTH <password> called without any password configured for the default user. ' +
        'Are you sure your configuration is correct?\r\n',
    ],
    ['AUTH default x', '+OK\r\n'],
    ['AUTH joe x', WRONGPASS],
    ['AUTH a b c', '-ERR syntax error\r\n'],
  ])
})

test('with a password nothing is done before AUTH', () => {
  const kv = new TestKv(new TestCore())
  kv.setPassword('secret')
  kv.flags = SESSION.AUTH_REQUIRED
  check(kv, [
    ['GET a', NOAUTH],
    ['PING', NOAUTH],
    ['FOO', "-ERR unknown command 'FOO', with args beginning with: \r\n"],
    ['GET', "-ERR wrong number of arguments for 'get' command\r\n"],
    [
      'HELLO 3',
      '-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> ' +
        'option can be used to authenticate the client and select the RESP protocol version at the same time\r\n',
    ],
    ['AUTH secre', WRONGPASS],
    ['AUTH secrets', WRONGPASS],
    [['AUTH', ''], WRONGPASS],
    ['AUTH joe secret', WRONGPASS],
    ['HELLO 2 AUTH default wrong', WRONGPASS],
    ['GET a', NOAUTH],
    ['AUTH secret', '+OK\r\n'],
    ['GET a', '$-1\r\n'],
    ['AUTH wrong', WRONGPASS],
    ['GET a', '$-1\r\n'],
    ['RESET', '+RESET\r\n'],
    ['GET a', NOAUTH],
    ['AUTH default secret', '+OK\r\n'],
    ['PING', '+PONG\r\n'],
  ])
  kv.run('RESET')
  expect(kv.run('HELLO', '3', 'AUTH', 'default', 'secret')).toMatch(/^%7\r\n/)
  expect(kv.flags).toBe(SESSION.AUTH_REQUIRED | SESSION.AUTHENTICATED | SESSION.RESP3)
})
