// What the examples of every host do once they have the core: a stream with good and bad frames, cut in awkward places,
// and a ring of servers. All of them print the same lines, the C program too.
import { HashRing, lengthField } from 'millrace/core'

const text = new TextDecoder()
const bytes = new TextEncoder()

/** Prints the results of one stream and the owners of a few keys. */
export function tour(core, print) {
  // two bytes of length, then so many bytes: at most 32 in all
  const codec = lengthField({ maxFrameLength: 32, lengthFieldLength: 2, initialBytesToStrip: 2 })
  const stream = [
    ...[0, 5, ...bytes.encode('hello')],
    ...[0, 0], // an empty frame
    ...[0, 40, ...bytes.encode('x'.repeat(40))], // too long: reported once, and the next one is found
    ...core.encode(codec, 'world'),
    ...[0, 9, ...bytes.encode('cut')], // the stream ends inside
  ]
  using(core.decoder(codec), (decoder) => {
    for (let at = 0; at < stream.length; at += 3) {
      for (const result of decoder.push(Uint8Array.from(stream.slice(at, at + 3)))) print(line(result))
    }
    for (const result of decoder.end()) print(line(result))
  })

  const servers = [{ id: '10.0.0.1:6379' }, { id: '10.0.0.2:6379', weight: 2 }, { id: '10.0.0.3:6379' }]
  using(new HashRing(servers, { core, compat: 'native' }), (ring) => {
    for (const key of ['user:1', 'user:2', 'user:3']) print(`key ${key} → ${ring.lookup(key)}`)
  })
}

function line({ error, frame }) {
  return error === undefined ? `frame '${text.decode(frame)}'` : `error ${error.code}, ${error.length} bytes`
}

/** What holds memory of the core gives it back; the collector would too, later. */
function using(resource, use) {
  try {
    use(resource)
  } finally {
    resource.dispose()
  }
}
