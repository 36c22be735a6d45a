// What a connection is to the keyspace, and the commands about it: PING ECHO HELLO AUTH SELECT CLIENT RESET QUIT TIME.
//
//   session | flags u32 | db u32 | name block u32 | name length u32 | client id u64 |      24 bytes of the channel's

import {
  SESSION_FLAGS,
  SESSION_DB,
  SESSION_NAME,
  SESSION_NAME_LENGTH,
  SESSION_ID,
  SESSION_RESP3,
  SESSION_AUTHENTICATED,
  SESSION_AUTH_REQUIRED,
} from '../../abi'
import { nowMs } from '../../clock'
import { parseInteger, parsedInteger } from '../../codec/integer'
import {
  replyArray,
  replyBulk,
  replyBulkInteger,
  replyBulkText,
  replyError,
  replyErrorWith,
  replyInteger,
  replyMap,
  replyNull,
  replyOk,
  replyRaw,
  replyStatus,
} from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { blockAlloc, blockData, blockPut } from '../../memory/block'
import { foldWord } from './bytes'
import { COMMAND_NO_AUTH, command, KV_CLOSE, KV_CLOSE_SILENT, KV_DONE, KV_UPCALL, replyUnknown } from './command'
import { SPACE_DATABASES, SPACE_PASSWORD, SPACE_PASSWORD_LENGTH } from './space'
import { S_SPACE } from './store'

export {
  SESSION_FLAGS,
  SESSION_DB,
  SESSION_NAME,
  SESSION_NAME_LENGTH,
  SESSION_ID,
  SESSION_BYTES,
  SESSION_RESP3,
  SESSION_AUTHENTICATED,
  SESSION_AUTH_REQUIRED,
} from '../../abi'

// @ts-ignore: decorator
@inline
export function sessionResp3(session: usize): bool {
  return (load<u32>(session, SESSION_FLAGS) & SESSION_RESP3) != 0
}

/** Frees what a session holds. */
export function sessionFree(session: usize): void {
  const name = load<u32>(session, SESSION_NAME)
  if (name) blockPut(name)
  store<u32>(session, 0, SESSION_NAME)
  store<u32>(session, 0, SESSION_NAME_LENGTH)
}

export function sessionCommands(): void {
  command('ping', -1, 0, ping.index)
  command('echo', 2, 0, echo.index)
  command('select', 2, 0, select.index)
  command('time', 1, 0, time.index)
  command('client', -2, 0, client.index)
  command('auth', -2, COMMAND_NO_AUTH, auth.index)
  command('hello', -1, COMMAND_NO_AUTH, hello.index)
  command('reset', 1, COMMAND_NO_AUTH, reset.index)
  command('quit', -1, COMMAND_NO_AUTH, quit.index)
  command('post', -1, COMMAND_NO_AUTH, crossProtocol.index)
  command('host:', -1, COMMAND_NO_AUTH, crossProtocol.index)
}

function ping(db: usize, session: usize, out: usize): i32 {
  if (respArgc == 1) replyStatus(out, 'PONG')
  else if (respArgc == 2) replyBulk(out, respArg(1), respArgLength(1))
  else replyError(out, "ERR wrong number of arguments for 'ping' command")
  return KV_DONE
}

function echo(db: usize, session: usize, out: usize): i32 {
  replyBulk(out, respArg(1), respArgLength(1))
  return KV_DONE
}

function quit(db: usize, session: usize, out: usize): i32 {
  replyOk(out)
  return KV_CLOSE
}

/** A web page that makes a browser speak to us begins with one of these lines: no answer, no further command. */
function crossProtocol(db: usize, session: usize, out: usize): i32 {
  if (respArgLength(0) == 5 && load<u8>(respArg(0), 4) != 58) {
    replyUnknown(out) // folding to lower case lets one control character pass for the colon
    return KV_DONE
  }
  return KV_CLOSE_SILENT
}

function select(db: usize, session: usize, out: usize): i32 {
  if (!parseInteger(respArg(1), respArgLength(1))) {
    replyError(out, 'ERR value is not an integer or out of range')
  } else if (parsedInteger < i32.MIN_VALUE || parsedInteger > i32.MAX_VALUE) {
    replyError(out, 'ERR value is out of range, value must between -2147483648 and 2147483647')
  } else if (<u64>parsedInteger >= <u64>load<u32>(load<u32>(db, S_SPACE), SPACE_DATABASES)) {
    replyError(out, 'ERR DB index is out of range')
  } else {
    store<u32>(session, <u32>parsedInteger, SESSION_DB)
    replyOk(out)
  }
  return KV_DONE
}

function time(db: usize, session: usize, out: usize): i32 {
  const seconds = nowMs / 1000
  replyArray(out, 2)
  replyBulkInteger(out, seconds)
  replyBulkInteger(out, (nowMs - seconds * 1000) * 1000)
  return KV_DONE
}

/** Compares without telling by its duration how much was right. */
function passwordIs(space: usize, at: usize, length: u32): bool {
  const password = <usize>load<u32>(space, SPACE_PASSWORD)
  if (!password) return true // the default user asks for none
  const own = load<u32>(space, SPACE_PASSWORD_LENGTH)
  let difference = own ^ length
  for (let i: u32 = 0; i < length; i++) difference |= load<u8>(at + i) ^ load<u8>(password + <usize>(i % own))
  return difference == 0
}

function authenticate(db: usize, session: usize, user: u32, password: u32, out: usize): bool {
  const known =
    user == 0 || (respArgLength(user) == 7 && load<u32>(respArg(user)) == 0x61666564 && // "defa"
      load<u32>(respArg(user), 3) == 0x746c7561) // "ault"
  if (known && passwordIs(load<u32>(db, S_SPACE), respArg(password), respArgLength(password))) {
    store<u32>(session, load<u32>(session, SESSION_FLAGS) | SESSION_AUTHENTICATED, SESSION_FLAGS)
    return true
  }
  replyError(out, 'WRONGPASS invalid username-password pair or user is disabled.')
  return false
}

function auth(db: usize, session: usize, out: usize): i32 {
  if (respArgc > 3) {
    replyError(out, 'ERR syntax error')
  } else if (respArgc == 2 && !load<u32>(load<u32>(db, S_SPACE), SPACE_PASSWORD)) {
    replyRaw(out, '-ERR AUTH <password> called without any password configured for the default user. ')
    replyRaw(out, 'Are you sure your configuration is correct?\r\n')
  } else if (authenticate(db, session, respArgc == 3 ? 1 : 0, respArgc - 1, out)) {
    replyOk(out)
  }
  return KV_DONE
}

/** Why a name may not be a client's: false after the error was sent. */
function nameAllowed(at: usize, length: u32, out: usize): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (<u32>load<u8>(at + i) - 33 > 93) {
      replyError(out, 'ERR Client names cannot contain spaces, newlines or special characters.')
      return false
    }
  }
  return true
}

function setName(session: usize, at: usize, length: u32): void {
  const block = length ? blockAlloc(length) : 0
  sessionFree(session)
  if (!block) return
  memory.copy(blockData(block), at, length)
  store<u32>(session, <u32>block, SESSION_NAME)
  store<u32>(session, length, SESSION_NAME_LENGTH)
}

function hello(db: usize, session: usize, out: usize): i32 {
  let version: i64 = 0
  let next: u32 = 1
  if (respArgc >= 2) {
    if (!parseInteger(respArg(1), respArgLength(1))) {
      replyError(out, 'ERR Protocol version is not an integer or out of range')
      return KV_DONE
    }
    version = parsedInteger
    if (version < 2 || version > 3) {
      replyError(out, 'NOPROTO unsupported protocol version')
      return KV_DONE
    }
    next = 2
  }
  let name: u32 = 0
  let user: u32 = 0
  while (next < respArgc) {
    const option = foldWord(respArg(next), respArgLength(next))
    const more = respArgc - 1 - next
    if (option == 0x68747561 && respArgLength(next) == 4 && more >= 2) { // auth
      user = next + 1
      next += 3
    } else if (option == 0x656d616e746573 && respArgLength(next) == 7 && more >= 1) { // setname
      name = next + 1
      if (!nameAllowed(respArg(name), respArgLength(name), out)) return KV_DONE
      next += 2
    } else {
      replyErrorWith(out, "ERR Syntax error in HELLO option '", respArg(next), respArgLength(next), "'")
      return KV_DONE
    }
  }
  if (user && !authenticate(db, session, user, user + 1, out)) return KV_DONE
  const flags = load<u32>(session, SESSION_FLAGS)
  const locked = (flags & (SESSION_AUTHENTICATED | SESSION_AUTH_REQUIRED)) == SESSION_AUTH_REQUIRED
  if (locked && load<u32>(load<u32>(db, S_SPACE), SPACE_PASSWORD)) {
    replyRaw(out, '-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH ')
    replyRaw(out, '<user> <pass> option can be used to authenticate the client and select the RESP protocol version ')
    replyRaw(out, 'at the same time\r\n')
    return KV_DONE
  }
  if (name) setName(session, respArg(name), respArgLength(name))
  if (version == 2) store<u32>(session, flags & ~SESSION_RESP3, SESSION_FLAGS)
  if (version == 3) store<u32>(session, flags | SESSION_RESP3, SESSION_FLAGS)
  helloReply(session, out)
  return KV_DONE
}

function helloReply(session: usize, out: usize): void {
  const resp3 = sessionResp3(session)
  replyMap(out, resp3, 7)
  replyBulkText(out, 'server')
  replyBulkText(out, 'redis')
  replyBulkText(out, 'version')
  replyBulkText(out, '7.0.15')
  replyBulkText(out, 'proto')
  replyInteger(out, resp3 ? 3 : 2)
  replyBulkText(out, 'id')
  replyInteger(out, load<i64>(session, SESSION_ID))
  replyBulkText(out, 'mode')
  replyBulkText(out, 'standalone')
  replyBulkText(out, 'role')
  replyBulkText(out, 'master')
  replyBulkText(out, 'modules')
  replyArray(out, 0)
}

function reset(db: usize, session: usize, out: usize): i32 {
  sessionFree(session)
  store<u32>(session, load<u32>(session, SESSION_FLAGS) & SESSION_AUTH_REQUIRED, SESSION_FLAGS)
  store<u32>(session, 0, SESSION_DB)
  replyStatus(out, 'RESET')
  return KV_DONE
}

/** CLIENT ID, GETNAME and SETNAME; the host knows the rest. */
function client(db: usize, session: usize, out: usize): i32 {
  const length = respArgLength(1)
  const word = length <= 8 ? foldWord(respArg(1), length) : 0
  if (word == 0x6469 && respArgc == 2) { // id
    replyInteger(out, load<i64>(session, SESSION_ID))
  } else if (word == 0x656d616e746567 && respArgc == 2) { // getname
    const name = <usize>load<u32>(session, SESSION_NAME)
    if (name) replyBulk(out, blockData(name), load<u32>(session, SESSION_NAME_LENGTH))
    else replyNull(out, sessionResp3(session))
  } else if (word == 0x656d616e746573 && respArgc == 3) { // setname
    if (!nameAllowed(respArg(2), respArgLength(2), out)) return KV_DONE
    setName(session, respArg(2), respArgLength(2))
    replyOk(out)
  } else {
    return KV_UPCALL
  }
  return KV_DONE
}
