// Hash rings: lookups of 16-byte keys in a ring of 64 servers × 160 points, and how long a ring takes to build.
import { HashRing } from '../../dist/src/core/index.js'
import { buildRing, planRing } from '../../dist/src/core/ring-build.js'
import { measure } from './bench.mjs'
import { peerSubject, rowsAgainst } from './peers.mjs'
import { core } from './wasm.mjs'

const NPM = 'npm hashring'
const CHEAP = 'the same circle, fnv1a_32 for md5'
const KEYS = 4096
const keys = Array.from({ length: KEYS }, (_, i) => `key:${String(i * 7919).padStart(12, '0')}`)
const servers = (count) => Array.from({ length: count }, (_, i) => ({ id: `10.0.${i >> 8}.${i & 255}:6379` }))

/** The keys one behind the other in the core's memory, and where each one ends. */
const text = Buffer.from(keys.join(''))
const keysAt = core.exports.alloc(text.length) >>> 0
core.bytes.set(text, keysAt)
const endsAt = core.exports.alloc(KEYS * 4) >>> 0
core.u32.set(
  keys.map((_, i) => (i + 1) * 16),
  endsAt >> 2,
)
const outAt = core.exports.alloc(KEYS * 4) >>> 0

function lookupSubject(name, count, options) {
  const address = buildRing(core, planRing(servers(count), options))
  return {
    name,
    units: KEYS,
    run() {
      core.exports.ringLookupMany(address, keysAt, endsAt, KEYS, outAt)
      return KEYS
    },
  }
}

export async function ringRows() {
  const native = new HashRing(servers(64), { core, points: 160 })
  const many = {
    name: 'lookupMany',
    units: KEYS,
    run: () => native.lookupMany(keys).length,
  }
  const one = {
    name: 'lookup',
    units: KEYS,
    run() {
      for (const key of keys) native.lookup(key)
      return KEYS
    },
  }
  const npm = peerSubject(NPM, 'hashring', KEYS, (Peer) => {
    const ids = servers(64).map(({ id }) => id)
    const ring = new Peer(ids, 'md5', { 'vnode count': 40, 'max cache size': 1 })
    return () => {
      for (const key of keys) ring.get(key)
      return KEYS
    }
  })
  const results = await measure('ring lookup', [
    lookupSubject('native', 64, { points: 160 }),
    lookupSubject('ketama', 64, { compat: 'ketama' }),
    lookupSubject(CHEAP, 64, { compat: 'twemproxy', hash: 'fnv1a_32' }),
    one,
    many,
    npm,
  ])
  const metric = 'ns/lookup'
  const name = 'ring lookup, 16-byte key, 64 servers × 160'
  const against = (subject, bounds) =>
    rowsAgainst(new Map([subject, NPM].map((each) => [each, results.get(each)])), { subject, metric, ...bounds })
  return [
    ...against('native', { case: name, limit: 20, floors: { [NPM]: 50 } }),
    ...against('ketama', { case: name }),
    // what is left of ketama's time is the md5 of the key
    {
      case: `${name}, md5 excluded`,
      subject: CHEAP,
      metric,
      value: results.get(CHEAP).ns,
      peer: 'ketama with md5',
      peerValue: results.get('ketama').ns,
      limit: 40,
    },
    ...against('lookup', { case: `${name}, from JavaScript` }),
    ...against('lookupMany', { case: `${name}, from JavaScript` }),
    ...(await buildRows()),
  ]
}

async function buildRows() {
  const list = servers(1000)
  const build = (options) => () => {
    new HashRing(list, { core, ...options }).dispose()
    return 1
  }
  const results = await measure('building a ring', [
    { name: 'native', units: 1, run: build({ points: 160 }) },
    { name: 'ketama', units: 1, run: build({ compat: 'ketama' }) },
    peerSubject(NPM, 'hashring', 1, (Peer) => () => (new Peer(list.map(({ id }) => id)).get('a') ? 1 : 0)),
  ])
  const inMs = new Map([...results].map(([name, { ns, ...rest }]) => [name, { ns: ns / 1e6, ...rest }]))
  return ['native', 'ketama'].flatMap((subject) =>
    rowsAgainst(new Map([subject, NPM].map((each) => [each, inMs.get(each)])), {
      case: 'building a ring of 1000 servers × 160',
      subject,
      metric: 'ms',
      limit: 50,
    }),
  )
}
