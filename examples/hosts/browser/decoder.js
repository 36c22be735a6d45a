// The decoder's half of the page: the stream, its cut, and what comes out of the core.
import { alert, bytesOf, byteText, colour, element, swatch, textOf } from './bytes.js'
import { CODECS, makeCodec } from './codecs.js'

export function startDecoder(core) {
  const form = document.getElementById('decoder')
  const field = (name) => form.elements.namedItem(name)
  const by = (id) => document.getElementById(id)
  field('codec').append(...Object.keys(CODECS).map((name) => new Option(name)))

  function choose() {
    const { parameters, stream } = CODECS[field('codec').value]
    by('parameters').replaceChildren(...parameters.map(parameterField))
    field('stream').value = stream
    field('cut').value = 7
    decode()
  }

  function decode() {
    try {
      const stream = bytesOf(field('stream').value)
      const codec = makeCodec(field('codec').value, field)
      const bytewise = field('bytewise').checked
      field('cut').max = stream.length
      field('cut').disabled = bytewise
      const cut = Number(field('cut').value)
      field('where').value = bytewise ? 'everywhere' : `behind byte ${cut} of ${stream.length}`
      const pieces = bytewise ? cutEverywhere(stream) : [stream.subarray(0, cut), stream.subarray(cut)]
      const uncut = run(core, codec, [stream])
      const results = run(core, codec, pieces)
      showBytes(stream, bytewise ? -1 : cut, uncut)
      showResults(results)
      showVerdict(results, uncut)
      alert(by('decoder-error'), '')
    } catch (error) {
      alert(by('decoder-error'), error.message)
    }
  }

  function showBytes(stream, cut, results) {
    const owners = ownersOf(stream, results)
    const boxes = Array.from(stream, (byte, i) => {
      const box = element('span', { className: i === cut ? 'cut' : '' }, byteText(byte))
      if (owners[i] >= 0) box.style.setProperty('--owner', colour(owners[i]))
      return box
    })
    by('bytes').replaceChildren(...boxes)
  }

  function showResults(results) {
    const rows = results.map(({ push, error, frame, message }, i) =>
      element(
        'tr',
        {},
        element('td', {}, push),
        error === undefined
          ? element('td', {}, swatch(i), meaning(frame, message))
          : element('td', { className: 'bad', title: error.message }, error.code),
        element('td', { className: 'number' }, String(error === undefined ? frame.length : error.length)),
      ),
    )
    by('results').replaceChildren(...rows)
  }

  function showVerdict(results, uncut) {
    const same = alike(results, uncut)
    by('verdict').className = `verdict ${same ? 'good' : 'bad'}`
    const count = results.filter(({ error }) => error !== undefined).length
    const found = `${results.length - count} frames and ${count} errors`
    by('verdict').textContent = same
      ? `✓ ${found}, the same as without a cut`
      : `${found}; without a cut it is different`
  }

  field('codec').addEventListener('change', choose)
  form.addEventListener('input', (event) => event.target.name !== 'codec' && decode())
  form.addEventListener('submit', (event) => event.preventDefault())
  choose()
}

function parameterField({ name, value, type, values = [], min, max }) {
  if (type === 'checkbox') {
    return element('label', { className: 'check' }, element('input', { type, name, checked: value }), name)
  }
  if (type === 'select') {
    const options = values.map((one) => new Option(one, one, one === value, one === value))
    return element('label', {}, name, element('select', { name }, ...options))
  }
  const input = element('input', { name, type: type === 'list' ? 'text' : type, value, spellcheck: false })
  if (min !== undefined) input.min = min
  if (max !== undefined) input.max = max
  return element('label', {}, name, input)
}

const cutEverywhere = (stream) => Array.from(stream, (_, i) => stream.subarray(i, i + 1))

/** Everything that comes out, and during which push. */
function run(core, codec, pieces) {
  const decoder = core.decoder(codec)
  try {
    const results = pieces.flatMap((piece, i) =>
      decoder.push(piece).map((result) => ({ push: String(i + 1), ...result })),
    )
    return [...results, ...decoder.end().map((result) => ({ push: 'end', ...result }))]
  } finally {
    decoder.dispose()
  }
}

/** Which result each byte of the uncut stream belongs to, −1 for what is no content: frames are views of the stream. */
function ownersOf(stream, results) {
  const owners = new Array(stream.length).fill(-1)
  for (const [i, { frame }] of results.entries()) {
    if (frame?.buffer !== stream.buffer) continue
    owners.fill(i, frame.byteOffset - stream.byteOffset, frame.byteOffset - stream.byteOffset + frame.length)
  }
  return owners
}

function meaning(frame, message) {
  if (message === undefined) return frame.length === 0 ? '(empty)' : textOf(frame)
  return JSON.stringify(message, readable)
}

function readable(_, value) {
  if (value instanceof Uint8Array) return textOf(value)
  return typeof value === 'bigint' ? `${value}n` : value
}

function alike(a, b) {
  const lines = (results) =>
    results.map(({ error, frame, message }) => (error ? `${error.code} ${error.length}` : meaning(frame, message)))
  return lines(a).join('\n') === lines(b).join('\n')
}
