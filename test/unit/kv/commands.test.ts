// Replies of the commands, byte for byte as redis-server 7.0.15 gives them.
import { describe, expect, test } from 'vitest'
import { converse, type Exchange, expected, TestCore, TestKv } from '../core-test.ts'

const OK = '+OK\r\n'
const NIL = '$-1\r\n'
const NOT_INTEGER = '-ERR value is not an integer or out of range\r\n'
const SYNTAX = '-ERR syntax error\r\n'
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

function check(exchanges: readonly Exchange[]): void {
  const kv = new TestKv(new TestCore())
  expect(converse(kv, exchanges)).toEqual(expected(exchanges))
  kv.checkEmpty()
}

describe('whole values', () => {
  test('GET and SET', () => {
    check([
      ['GET a', NIL],
      ['SET a 1', OK],
      ['get a', bulk('1')],
      ['sEt a longer-than-before', OK],
      ['GET a', bulk('longer-than-before')],
      [['SET', '', ''], OK],
      [['GET', ''], bulk('')],
      [['SET', '\0\r\n', '\xff\0'], OK],
      [['GET', '\0\r\n'], bulk('\xff\0')],
      ['GET', "-ERR wrong number of arguments for 'get' command\r\n"],
      ['GET a b', "-ERR wrong number of arguments for 'get' command\r\n"],
    ])
  })

  test('the options of SET', () => {
    check([
      ['SET a 1 XX', NIL],
      ['SET a 1 NX', OK],
      ['SET a 2 nx', NIL],
      ['SET a 2 XX GET', bulk('1')],
      ['SET a 3 NX GET', bulk('2')],
      ['SET b 1 NX GET', NIL],
      ['SET b 2 NX XX', SYNTAX],
      ['SET a 4 EX 10', OK],
      ['TTL a', ':10\r\n'],
      ['SET a 5 KEEPTTL', OK],
      ['TTL a', ':10\r\n'],
      ['SET a 6', OK],
      ['TTL a', ':-1\r\n'],
      ['SET a 7 PX 1500', OK],
      ['PTTL a', ':1500\r\n'],
      ['SET a 7 PXAT 1700000100000', OK],
      ['PEXPIRETIME a', ':1700000100000\r\n'],
      ['SET a 7 EXAT 1700000200', OK],
      ['EXPIRETIME a', ':1700000200\r\n'],
      ['SET a 8 EX 10 KEEPTTL', SYNTAX],
      ['SET a 8 EX 10 PX 10', SYNTAX],
      ['SET a 8 EX', SYNTAX],
      ['SET a 8 EX 1 EX 2', OK],
      ['TTL a', ':2\r\n'],
      ['SET a 8 FOO', SYNTAX],
      ['SET a 8 EX abc', NOT_INTEGER],
      ['SET a 8 EX 0', "-ERR invalid expire time in 'set' command\r\n"],
      ['SET a 8 PX -5', "-ERR invalid expire time in 'set' command\r\n"],
      ['SET a 8 EX 9223372036854775807', "-ERR invalid expire time in 'set' command\r\n"],
      ['SET a 8 PX 9223372036854775807', "-ERR invalid expire time in 'set' command\r\n"],
      ['SET a 9 EXAT 1 GET', bulk('8')],
      ['GET a', NIL],
    ])
  })

  test('SETNX, SETEX, PSETEX, GETSET, GETDEL, GETEX', () => {
    check([
      ['SETNX a 1', ':1\r\n'],
      ['SETNX a 2', ':0\r\n'],
      ['SETEX a 100 x', OK],
      ['TTL a', ':100\r\n'],
      ['PSETEX a 1 y', OK],
      ['SETEX a 0 x', "-ERR invalid expire time in 'setex' command\r\n"],
      ['PSETEX a x x', NOT_INTEGER],
      ['GETSET a z', bulk('y')],
      ['TTL a', ':-1\r\n'],
      ['GETSET nosuch z', NIL],
      ['GETEX a EX 50', bulk('z')],
      ['TTL a', ':50\r\n'],
      ['GETEX a', bulk('z')],
      ['GETEX a PERSIST', bulk('z')],
      ['TTL a', ':-1\r\n'],
      ['GETEX a EX 0', "-ERR invalid expire time in 'getex' command\r\n"],
      ['GETEX a KEEPTTL', SYNTAX],
      ['GETEX b EX abc', NIL],
      ['GETEX a EXAT 1', bulk('z')],
      ['GET a', NIL],
      ['GETDEL nosuch', bulk('z')],
      ['GETDEL nosuch', NIL],
    ])
  })

  test('MGET, MSET, MSETNX', () => {
    check([
      ['MSET a 1 b 2 a 3', OK],
      ['MGET a b c', '*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n'],
      ['MSETNX c 1 a 2', ':0\r\n'],
      ['EXISTS c', ':0\r\n'],
      ['MSETNX c 1 d 2', ':1\r\n'],
      ['MSET a', "-ERR wrong number of arguments for 'mset' command\r\n"],
      ['MSET a 1 b', "-ERR wrong number of arguments for 'mset' command\r\n"],
      ['MSETNX a 1 b', "-ERR wrong number of arguments for 'msetnx' command\r\n"],
    ])
  })
})

describe('parts of values', () => {
  test('INCR, DECR, INCRBY, DECRBY', () => {
    check([
      ['INCR n', ':1\r\n'],
      ['INCRBY n 41', ':42\r\n'],
      ['DECR n', ':41\r\n'],
      ['DECRBY n 50', ':-9\r\n'],
      ['GET n', bulk('-9')],
      ['SET n 9223372036854775807', OK],
      ['INCR n', '-ERR increment or decrement would overflow\r\n'],
      ['INCRBY n -9223372036854775808', ':-1\r\n'],
      ['DECRBY n -9223372036854775808', '-ERR decrement would overflow\r\n'],
      ['SET n -9223372036854775808', OK],
      ['DECR n', '-ERR increment or decrement would overflow\r\n'],
      ['INCRBY n 1.5', NOT_INTEGER],
      ['SET n 007', OK],
      ['INCR n', NOT_INTEGER],
      ['SET n 10 EX 100', OK],
      ['INCR n', ':11\r\n'],
      ['TTL n', ':100\r\n'],
    ])
  })

  test('APPEND, STRLEN, GETRANGE, SETRANGE', () => {
    check([
      ['APPEND s Hello', ':5\r\n'],
      [['APPEND', 's', ' World'], ':11\r\n'],
      ['STRLEN s', ':11\r\n'],
      ['STRLEN nosuch', ':0\r\n'],
      ['GETRANGE s 0 3', bulk('Hell')],
      ['GETRANGE s -5 -1', bulk('World')],
      ['SUBSTR s 0 -1', bulk('Hello World')],
      ['GETRANGE s 5 3', bulk('')],
      ['GETRANGE s -1 -5', bulk('')],
      ['GETRANGE s -100 100', bulk('Hello World')],
      ['GETRANGE nosuch 0 -1', bulk('')],
      ['GETRANGE s a 1', NOT_INTEGER],
      ['SETRANGE s 6 Redis', ':11\r\n'],
      ['GET s', bulk('Hello Redis')],
      ['SETRANGE t 3 x', ':4\r\n'],
      ['GET t', bulk('\0\0\0x')],
      [['SETRANGE', 'u', 5, ''], ':0\r\n'],
      ['EXISTS u', ':0\r\n'],
      ['SETRANGE s -1 x', '-ERR offset is out of range\r\n'],
      ['SETRANGE s 536870912 x', '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n'],
      ['SETRANGE s 9223372036854775807 x', '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n'],
    ])
  })
})

describe('keys', () => {
  test('DEL, UNLINK, EXISTS, TOUCH, TYPE, DBSIZE, FLUSHDB', () => {
    check([
      ['MSET a 1 b 2 c 3', OK],
      ['EXISTS a a nosuch', ':2\r\n'],
      ['TOUCH a b nosuch', ':2\r\n'],
      ['TYPE a', '+string\r\n'],
      ['TYPE nosuch', '+none\r\n'],
      ['DEL a a nosuch', ':1\r\n'],
      ['UNLINK b nosuch', ':1\r\n'],
      ['DBSIZE', ':1\r\n'],
      ['FLUSHDB foo', SYNTAX],
      ['FLUSHDB ASYNC SYNC', SYNTAX],
      ['FLUSHDB async', OK],
      ['DBSIZE', ':0\r\n'],
      ['RANDOMKEY', NIL],
      ['KEYS *', '*0\r\n'],
      ['SCAN 0', '*2\r\n$1\r\n0\r\n*0\r\n'],
    ])
  })

  test('EXPIRE and its conditions', () => {
    check([
      ['EXPIRE a 10', ':0\r\n'],
      ['SET a 1', OK],
      ['EXPIRE a 10 XX', ':0\r\n'],
      ['EXPIRE a 10 GT', ':0\r\n'],
      ['EXPIRE a 10 LT', ':1\r\n'],
      ['EXPIRE a 20 NX', ':0\r\n'],
      ['EXPIRE a 20 GT', ':1\r\n'],
      ['EXPIRE a 15 GT', ':0\r\n'],
      ['EXPIRE a 15 XX LT', ':1\r\n'],
      ['TTL a', ':15\r\n'],
      ['EXPIRE a 10 NX XX', '-ERR NX and XX, GT or LT options at the same time are not compatible\r\n'],
      ['EXPIRE a 10 GT LT', '-ERR GT and LT options at the same time are not compatible\r\n'],
      ['EXPIRE a 10 FOO', '-ERR Unsupported option FOO\r\n'],
      ['EXPIRE a x', NOT_INTEGER],
      ['EXPIRE a 9223372036854775807', "-ERR invalid expire time in 'expire' command\r\n"],
      ['PEXPIRE a 9223372036854775807', "-ERR invalid expire time in 'pexpire' command\r\n"],
      ['PERSIST a', ':1\r\n'],
      ['PERSIST a', ':0\r\n'],
      ['PTTL a', ':-1\r\n'],
      ['PTTL nosuch', ':-2\r\n'],
      ['PEXPIREAT a 1700000000999', ':1\r\n'],
      ['TTL a', ':1\r\n'],
      ['EXPIREAT a 1', ':1\r\n'],
      ['EXISTS a', ':0\r\n'],
      ['SET a 1', OK],
      ['EXPIRE a -1', ':1\r\n'],
      ['EXISTS a', ':0\r\n'],
    ])
  })

  test('the syntax of SCAN', () => {
    check([
      ['SCAN abc', '-ERR invalid cursor\r\n'],
      [['SCAN', ' 0'], '-ERR invalid cursor\r\n'],
      ['SCAN 99999999999999999999', '-ERR invalid cursor\r\n'],
      ['SCAN 0 COUNT', SYNTAX],
      ['SCAN 0 COUNT 0', SYNTAX],
      ['SCAN 0 COUNT x', NOT_INTEGER],
      ['SCAN 0 FOO 1', SYNTAX],
      ['SET key:1 x', OK],
      ['SCAN 0 MATCH key:? COUNT 100 TYPE string', '*2\r\n$1\r\n0\r\n*1\r\n$5\r\nkey:1\r\n'],
      ['SCAN 0 MATCH nosuch COUNT 100', '*2\r\n$1\r\n0\r\n*0\r\n'],
      ['SCAN 0 TYPE list COUNT 100', '*2\r\n$1\r\n0\r\n*0\r\n'],
    ])
  })
})

test('a command that there is not', () => {
  check([
    ['FOO', "-ERR unknown command 'FOO', with args beginning with: \r\n"],
    [['Foo', 'a', 'b c', 'd\r\ne'], "-ERR unknown command 'Foo', with args beginning with: 'a' 'b c' 'd  e' \r\n"],
    [['x'.repeat(200)], `-ERR unknown command '${'x'.repeat(128)}', with args beginning with: \r\n`],
    [
      ['nosuch', 'y'.repeat(100), 'z'.repeat(100)],
      `-ERR unknown command 'nosuch', with args beginning with: '${'y'.repeat(100)}' '${'z'.repeat(25)}' \r\n`,
    ],
  ])
})
