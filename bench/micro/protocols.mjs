// Structured codecs: RESP against the parsers of Redis clients, HTTP/1.1 against llhttp as undici ships it.
import { http1, resp } from '../../dist/src/core/index.js'
import { measure } from './bench.mjs'
import { peerSubject, rowsAgainst } from './peers.mjs'
import { BLOCK, decodeSubject } from './wasm.mjs'

const MILLRACE = 'millrace'

function repeated(text) {
  const one = Buffer.from(text, 'latin1')
  const units = Math.floor(BLOCK / one.length)
  return { bytes: Buffer.concat(Array.from({ length: units }, () => one)), units }
}

const SET = '*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$3\r\nxyz\r\n'
const SET_NAME = 'RESP pipeline of SET, 16-byte keys'

/** The case that bench/peers/decoders.c has too, under the name it prints. */
export function respTwinOfC() {
  const { bytes, units } = repeated(SET)
  return decodeSubject(SET_NAME, resp(), bytes, units)
}

export async function respRows() {
  const name = SET_NAME
  const { bytes, units } = repeated(SET)
  let seen = 0
  const count = () => {
    seen++
  }
  const push = (parse) => () => {
    seen = 0
    parse()
    return seen
  }
  const results = await measure(name, [
    decodeSubject(MILLRACE, resp(), bytes, units),
    peerSubject('redis-parser', 'redis-parser', units, (Parser) => {
      const parser = new Parser({ returnReply: count, returnError: count, returnBuffers: true })
      return push(() => parser.execute(bytes))
    }),
    peerSubject("node-redis's parser", '@redis/client/dist/lib/RESP/decoder.js', units, ({ Decoder }) => {
      const options = { onReply: count, onErrorReply: count, onPush: count, getTypeMapping: () => ({ 36: Buffer }) }
      const decoder = new Decoder(options)
      return push(() => decoder.write(bytes))
    }),
    { name: 'a JavaScript twin', units, run: () => respTwin(bytes) },
  ])
  return rowsAgainst(results, { case: name, subject: MILLRACE, metric: 'ns/command', limit: 20 })
}

/** Arguments of commands as subarrays, by hand. */
function respTwin(bytes) {
  const commands = []
  const number = (at) => {
    let value = 0
    for (let i = at; bytes[i] !== 13; i++) value = value * 10 + bytes[i] - 48
    return value
  }
  for (let at = 0; at < bytes.length; ) {
    const words = number(at + 1)
    at = bytes.indexOf(10, at) + 1
    const command = []
    for (let i = 0; i < words; i++) {
      const length = number(at + 1)
      at = bytes.indexOf(10, at) + 1
      command.push(bytes.subarray(at, at + length))
      at += length + 2
    }
    commands.push(command)
  }
  return commands.length
}

/** What a browser asks with. */
export const BROWSER_HEAD = [
  'GET /assets/app.3f2a9c.js?v=20 HTTP/1.1',
  'Host: www.example.org',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"',
  'sec-ch-ua-mobile: ?0',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
  'sec-ch-ua-platform: "Linux"',
  'Accept: */*',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: no-cors',
  'Sec-Fetch-Dest: script',
  'Referer: https://www.example.org/',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9',
  '\r\n',
].join('\r\n')

const LLHTTP = "undici's llhttp, WASM with SIMD"

export async function httpRows() {
  const { bytes, units } = repeated(BROWSER_HEAD)
  const name = `HTTP/1.1 request heads of ${BROWSER_HEAD.length} B`
  const results = await measure(name, [
    decodeSubject(MILLRACE, http1(), bytes, units),
    peerSubject(LLHTTP, 'undici/lib/llhttp/llhttp_simd-wasm.js', units, (code) => llhttpRun(code, bytes)),
    { name: 'a JavaScript twin', units, run: () => httpTwin(bytes) },
  ])
  return rowsAgainst(results, { case: name, subject: MILLRACE, metric: 'ns/head', floors: { [LLHTTP]: 1.5 } })
}

/** llhttp with its bytes in its memory and with the least that a callback can do. */
function llhttpRun(code, bytes) {
  const module = new WebAssembly.Module(code)
  let seen = 0
  const nothing = () => 0
  const env = {
    wasm_on_url: nothing,
    wasm_on_status: nothing,
    wasm_on_message_begin: nothing,
    wasm_on_header_field: nothing,
    wasm_on_header_value: nothing,
    wasm_on_headers_complete: nothing,
    wasm_on_body: nothing,
    wasm_on_message_complete() {
      seen++
      return 0
    },
  }
  const { exports } = new WebAssembly.Instance(module, { env })
  const REQUEST = 1
  const parser = exports.llhttp_alloc(REQUEST)
  const at = exports.malloc(bytes.length)
  new Uint8Array(exports.memory.buffer).set(bytes, at)
  return () => {
    seen = 0
    const error = exports.llhttp_execute(parser, at, bytes.length)
    if (error !== 0) throw new Error(`llhttp: ${error}`)
    return seen
  }
}

function httpTwin(bytes) {
  let heads = 0
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\r\n\r\n', at)
    const [first, ...fields] = bytes.latin1Slice(at, end).split('\r\n')
    const [method, target, version] = first.split(' ')
    const headers = fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon), field.slice(colon + 1).trim()]
    })
    if (method !== '' && target !== '' && version !== '' && headers.length > 0) heads++
    at = end + 4
  }
  return heads
}
