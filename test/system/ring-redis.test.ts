// The real redis-server in cluster mode as an oracle: CLUSTER KEYSLOT of many random keys, hash tags among them.
import { describe, expect, it } from 'vitest'
import { HashRing } from '../../src/core/hash-ring.ts'
import { instantiateCore } from '../../src/core/load.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { client, during, NO_REDIS, startRedis, titled } from './harness.ts'
import { Random, SEED } from './random.ts'

const KEYS = 5_000
const random = new Random(SEED)

function someKey(i: number): Buffer {
  const key = random.bytes(random.between(0, 40))
  const letters = Buffer.from('{}ab')
  if (i % 2 === 0) for (const at of key.keys()) key[at] = letters[key[at]! & 3]!
  return key
}

describe.skipIf(NO_REDIS)(titled('slots against redis-server', NO_REDIS), () => {
  it(`agrees on ${KEYS} random keys (MILLRACE_SEED=${SEED})`, async () => {
    const redis = await during(startRedis(['--cluster-enabled', 'yes']))
    const connection = await client(redis)
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }, { id: 'c' }], {
      compat: 'redis-slots',
      core: instantiateCore(readCore()),
    })
    const keys = Array.from({ length: KEYS }, (_, i) => someKey(i))
    for (const key of keys) {
      const reply = await connection.raw('CLUSTER', 'KEYSLOT', key)
      expect(`:${ring.position(key)}\r\n`, key.toString('hex')).toBe(reply)
    }
  })
})
