// What a sharding proxy does with each command: where its keys are, and whether its parts may go to several servers.
// Taken from the command table of Redis 7.0 (COMMAND).

import { respArg, respArgLength } from '../../codec/resp'
import { alloc } from '../../memory/heap'

export const MODE_UNKNOWN: u32 = 0
export const MODE_KEY: u32 = 1 // one key, the first argument
export const MODE_KEY2: u32 = 2 // one key, the second argument: OBJECT ENCODING key
export const MODE_MGET: u32 = 3 // split by key, values merged
export const MODE_SUM: u32 = 4 // split by key, integers added
export const MODE_MSET: u32 = 5 // split by pairs, all must be OK
export const MODE_ALL: u32 = 6 // every argument is a key: all on one server
export const MODE_PAIRS: u32 = 7 // every second argument is a key: all on one server
export const MODE_TWO: u32 = 8 // the first two arguments are keys: both on one server
export const MODE_REST: u32 = 9 // keys from the second argument on: BITOP
export const MODE_COUNTED: u32 = 10 // numkeys, then the keys
export const MODE_COUNTED2: u32 = 11 // something or a destination key is first, then numkeys, then the keys
export const MODE_SCRIPT: u32 = 12 // a script, then numkeys ≥ 1, then the keys
export const MODE_LOCAL: u32 = 13 // the proxy answers
export const MODE_REFUSED: u32 = 14 // cannot be sharded
export const MODE_CLOSE: u32 = 15 // a browser, not a client
export const MODE_PROTOCOL: u32 = 16 // the proxy answers, once nothing is outstanding: the protocol may change

const ENTRY_BYTES: usize = 32 // the name's first 24 bytes folded to lower case, then its mode
const SLOTS: usize = 1024
let table: usize = 0

/** Builds the table; false when memory is exhausted. */
export function commandsCreate(): bool {
  table = alloc(SLOTS * ENTRY_BYTES + ENTRY_BYTES) // and room to spell a name
  if (!table) return false
  memory.fill(table, 0, SLOTS * ENTRY_BYTES)
  add(MODE_KEY, 'append bitcount bitfield bitfield_ro bitpos decr decrby dump expire expireat expiretime ')
  add(MODE_KEY, 'geoadd geodist geohash ')
  add(MODE_KEY, 'geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch get ')
  add(MODE_KEY, 'getbit getdel getex getrange ')
  add(MODE_KEY, 'getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield ')
  add(MODE_KEY, 'hscan hset hsetnx ')
  add(MODE_KEY, 'hstrlen hvals incr incrby incrbyfloat lindex linsert llen lpop lpos lpush lpushx lrange ')
  add(MODE_KEY, 'lrem lset ltrim move ')
  add(MODE_KEY, 'persist pexpire pexpireat pexpiretime pfadd psetex pttl restore rpop rpush rpushx sadd ')
  add(MODE_KEY, 'scard set setbit setex ')
  add(MODE_KEY, 'setnx setrange sismember smembers smismember sort sort_ro spop srandmember srem sscan ')
  add(MODE_KEY, 'strlen substr ttl type ')
  add(MODE_KEY, 'xack xadd xautoclaim xclaim xdel xlen xpending xrange xrevrange xsetid xtrim zadd zcard ')
  add(MODE_KEY, 'zcount zincrby ')
  add(MODE_KEY, 'zlexcount zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrank ')
  add(MODE_KEY, 'zrem zremrangebylex ')
  add(MODE_KEY, 'zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore ')
  add(MODE_KEY2, 'object xgroup xinfo ')
  add(MODE_MGET, 'mget ')
  add(MODE_SUM, 'del unlink exists touch ')
  add(MODE_MSET, 'mset ')
  add(MODE_PAIRS, 'msetnx ')
  add(MODE_ALL, 'pfcount pfmerge sdiff sdiffstore sinter sinterstore sunion sunionstore ')
  add(MODE_TWO, 'copy geosearchstore lcs lmove rename renamenx rpoplpush smove zrangestore ')
  add(MODE_REST, 'bitop ')
  add(MODE_COUNTED, 'lmpop sintercard zdiff zinter zintercard zmpop zunion ')
  add(MODE_COUNTED2, 'zdiffstore zinterstore zunionstore ')
  add(MODE_SCRIPT, 'eval eval_ro evalsha evalsha_ro fcall fcall_ro ')
  add(MODE_LOCAL, 'ping echo quit select auth client command info time ')
  add(MODE_REFUSED, 'acl asking bgrewriteaof bgsave blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax ')
  add(MODE_REFUSED, 'bzpopmin cluster config dbsize ')
  add(MODE_REFUSED, 'debug discard exec failover flushall flushdb function keys lastsave latency lolwut ')
  add(MODE_REFUSED, 'memory migrate module monitor ')
  add(MODE_REFUSED, 'multi pfdebug pfselftest psubscribe psync publish pubsub punsubscribe randomkey ')
  add(MODE_REFUSED, 'readonly readwrite replconf ')
  add(MODE_REFUSED, 'replicaof restore-asking role save scan script shutdown slaveof slowlog spublish ')
  add(MODE_REFUSED, 'ssubscribe subscribe ')
  add(MODE_REFUSED, 'sunsubscribe swapdb sync unsubscribe unwatch wait watch xread xreadgroup ')
  add(MODE_PROTOCOL, 'hello reset ')
  add(MODE_CLOSE, 'post host: ')
  return true
}

let w0: u64 = 0
let w1: u64 = 0
let w2: u64 = 0

/** The mode of the command in the argument table. */
export function commandMode(): u32 {
  const length = respArgLength(0)
  if (length == 0 || length > 24) return MODE_UNKNOWN
  fold(respArg(0), length)
  const slot = find()
  return load<u32>(slot, 24)
}

const LOWER: u64 = 0x2020202020202020

/** Loads a name in lower case: bit 5 is set in every byte, which moves only letters among the bytes of names. */
function fold(at: usize, length: u32): void {
  w0 = w1 = w2 = 0
  if (length <= 8) {
    w0 = (load<u64>(at) | LOWER) & (~(<u64>0) >> ((8 - length) << 3))
    return
  }
  w0 = load<u64>(at) | LOWER
  if (length <= 16) {
    w1 = (load<u64>(at, 8) | LOWER) & (~(<u64>0) >> ((16 - length) << 3))
    return
  }
  w1 = load<u64>(at, 8) | LOWER
  w2 = (load<u64>(at, 16) | LOWER) & (~(<u64>0) >> ((24 - length) << 3))
}

/** The entry of the folded name, or the empty one where it would stand. */
function find(): usize {
  const mixed = (w0 ^ rotl<u64>(w1, 23) ^ rotl<u64>(w2, 41)) * 0x9e3779b97f4a7c15
  let i = <u32>(mixed >> 54)
  while (true) {
    const entry = table + <usize>i * ENTRY_BYTES
    if (!load<u64>(entry)) return entry
    if (load<u64>(entry) == w0 && load<u64>(entry, 8) == w1 && load<u64>(entry, 16) == w2) return entry
    i = (i + 1) & (<u32>SLOTS - 1)
  }
}

/** Adds the names of a list in which each is followed by a space. */
function add(mode: u32, names: string): void {
  const from = changetype<usize>(names)
  const name = table + SLOTS * ENTRY_BYTES
  let length: u32 = 0
  for (let i = 0; i < names.length; i++) {
    const c = load<u16>(from + (<usize>i << 1))
    if (c != 32) {
      store<u8>(name + length++, <u8>c)
      continue
    }
    fold(name, length)
    const entry = find()
    store<u64>(entry, w0)
    store<u64>(entry, w1, 8)
    store<u64>(entry, w2, 16)
    store<u32>(entry, mode, 24)
    length = 0
  }
}
