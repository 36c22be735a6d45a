// Framing codecs against a plain JavaScript twin and the packages people use.
import { delimiter, fixed, lengthField, line, varint32 } from '../../dist/src/core/index.js'
import { measure } from './bench.mjs'
import { peerSubject, rowsAgainst, streamRun } from './peers.mjs'
import { BLOCK, decodeSubject, eachSubject, garbagePerFrame } from './wasm.mjs'

const LF = Buffer.from('\n')
const CR = 13
const MAX_LENGTH = 8192
const filler = Buffer.from('The quick brown fox jumps over the lazy dog, and then once more, 0123456789 times.')

/** As many frames as fit a block: each `body` bytes between `before` and `after`. */
function stream(body, before, after) {
  const frame = Buffer.concat([before, filler.subarray(0, body), after])
  const units = Math.floor(BLOCK / frame.length)
  return { bytes: Buffer.concat(Array.from({ length: units }, () => frame)), units, frameBytes: frame.length }
}

function lengthTwin(bytes, units) {
  return {
    name: 'Buffer + subarray',
    units,
    run() {
      const frames = []
      for (let at = 0; at + 2 <= bytes.length; ) {
        const length = bytes.readUInt16BE(at)
        if (at + 2 + length > bytes.length) break
        frames.push(bytes.subarray(at + 2, at + 2 + length))
        at += 2 + length
      }
      return frames.length
    },
  }
}

/** The decoder's job by hand: where each frame lies, without a carriage return before its end, within the limit. */
function indexOfTwin(name, bytes, units, wanted) {
  const needle = wanted.length === 1 ? wanted[0] : wanted
  const records = new Uint32Array(2 * units)
  return {
    name,
    units,
    run() {
      let frames = 0
      for (let at = 0; ; ) {
        const found = bytes.indexOf(needle, at)
        if (found < 0) return frames
        const end = found > at && bytes[found - 1] === CR ? found - 1 : found
        if (end - at > MAX_LENGTH) throw new RangeError('too long')
        records[2 * frames] = at
        records[2 * frames + 1] = end - at
        frames++
        at = found + wanted.length
      }
    },
  }
}

/** The same, with a view of every frame. */
function subarrayTwin(name, bytes, units, wanted) {
  const needle = wanted.length === 1 ? wanted[0] : wanted
  return {
    name,
    units,
    run() {
      const frames = []
      for (let at = 0; ; ) {
        const found = bytes.indexOf(needle, at)
        if (found < 0) return frames.length
        frames.push(bytes.subarray(at, found))
        at = found + wanted.length
      }
    },
  }
}

const MILLRACE = 'millrace'

/** GB/s of the subject, and its nanoseconds beside those of the peers. */
function rows(name, frameBytes, results, { gbps, floors } = {}) {
  const gbs = frameBytes / results.get(MILLRACE).ns
  return [
    { case: name, subject: MILLRACE, metric: 'GB/s', value: gbs, least: gbps },
    ...rowsAgainst(results, { case: name, subject: MILLRACE, metric: 'ns/frame', floors }),
  ]
}

export async function frameRows() {
  const all = []
  const two = Buffer.from([0, 62])
  const length = stream(62, two, Buffer.alloc(0))
  const four = stream(60, Buffer.from([0, 0, 0, 60]), Buffer.alloc(0))
  const lengthCodec = lengthField({ maxFrameLength: 65536, lengthFieldLength: 2, initialBytesToStrip: 2 })
  let name = 'length field, frames of 64 B, into records'
  let results = await measure(name, [
    decodeSubject(MILLRACE, lengthCodec, length.bytes, length.units),
    lengthTwin(length.bytes, length.units),
    peerSubject('frame-stream', 'frame-stream', four.units, (peer) => streamRun(peer.decode(), four.bytes, four.units)),
  ])
  all.push(...rows(name, 64, results, { gbps: 8, floors: { 'Buffer + subarray': 10 } }))

  for (const [bytes, gbps] of [
    [64, 6],
    [16, 4],
  ]) {
    const lines = stream(bytes - 1, Buffer.alloc(0), LF)
    name = `lines of ${bytes} B`
    results = await measure(name, [
      decodeSubject(MILLRACE, line({ maxLength: MAX_LENGTH }), lines.bytes, lines.units),
      indexOfTwin('indexOf loop', lines.bytes, lines.units, LF),
      subarrayTwin('indexOf + subarray', lines.bytes, lines.units, LF),
      peerSubject('split2', 'split2', lines.units, (peer) => streamRun(peer(), lines.bytes, lines.units)),
    ])
    all.push(...rows(name, bytes, results, { gbps, floors: { 'indexOf loop': 3 } }))
  }

  for (const text of ['\r\n', '$_\0', '--ENDED\n']) {
    const end = Buffer.from(text)
    const frames = stream(64 - end.length, Buffer.alloc(0), end)
    name = `delimiter of ${end.length} B, frames of 64 B`
    const codec = delimiter({ delimiters: [end], maxFrameLength: MAX_LENGTH })
    results = await measure(name, [
      decodeSubject(MILLRACE, codec, frames.bytes, frames.units),
      indexOfTwin('indexOf loop', frames.bytes, frames.units, end),
      subarrayTwin('indexOf + subarray', frames.bytes, frames.units, end),
      peerSubject('delimiter-stream', 'delimiter-stream', frames.units, (Peer) =>
        streamRun(new Peer({ delimiter: end }), frames.bytes, frames.units),
      ),
    ])
    all.push(...rows(name, 64, results, { gbps: 2 }))
  }

  const fixedFrames = stream(64, Buffer.alloc(0), Buffer.alloc(0))
  name = 'fixed, frames of 64 B'
  results = await measure(name, [
    decodeSubject(MILLRACE, fixed({ frameLength: 64 }), fixedFrames.bytes, fixedFrames.units),
    {
      name: 'subarray loop',
      units: fixedFrames.units,
      run() {
        const frames = []
        for (let at = 0; at + 64 <= fixedFrames.bytes.length; at += 64)
          frames.push(fixedFrames.bytes.subarray(at, at + 64))
        return frames.length
      },
    },
  ])
  all.push(...rows(name, 64, results))

  const varints = stream(63, Buffer.from([63]), Buffer.alloc(0))
  name = 'varint32, frames of 64 B'
  results = await measure(name, [
    decodeSubject(MILLRACE, varint32({ maxFrameLength: 65536 }), varints.bytes, varints.units),
    peerSubject('length-prefixed-stream', 'length-prefixed-stream', varints.units, (peer) =>
      streamRun(peer.decode(), varints.bytes, varints.units),
    ),
  ])
  all.push(...rows(name, 64, results))

  all.push(...(await flyweightRows(lengthCodec, length)))
  return all
}

/** The cases that bench/peers/decoders.c has too, under the names it prints. */
export function frameTwinsOfC() {
  const length = stream(62, Buffer.from([0, 62]), Buffer.alloc(0))
  const codec = lengthField({ maxFrameLength: 65536, lengthFieldLength: 2, initialBytesToStrip: 2 })
  const lines = [64, 16].map((bytes) => {
    const { bytes: text, units } = stream(bytes - 1, Buffer.alloc(0), LF)
    return decodeSubject(`lines of ${bytes} B`, line({ maxLength: MAX_LENGTH }), text, units)
  })
  return [decodeSubject('length field, frames of 64 B, into records', codec, length.bytes, length.units), ...lines]
}

/** Frames that reach a JavaScript function. */
async function flyweightRows(codec, { bytes, units }) {
  const name = 'frames of 64 B to a JavaScript handler'
  const subject = eachSubject(MILLRACE, codec, bytes, units)
  const twin = lengthTwin(bytes, units)
  const results = await measure(name, [subject, twin])
  return [
    ...rowsAgainst(results, { case: name, subject: MILLRACE, metric: 'ns/frame', limit: 35 }),
    {
      case: name,
      subject: MILLRACE,
      metric: 'garbage B/frame',
      value: garbagePerFrame(subject),
      peer: twin.name,
      peerValue: garbagePerFrame(twin),
      limit: 1,
    },
  ]
}
