// What HTTP/1.1 is written with: heads and chunks as bytes, in which nothing can hide that would be read as more than
// it was given as. They go through `channel.write` and `core.encode` of http1 as they are.
import { InvalidArgumentError } from '../invalid-argument.ts'

/** Fields in order; names and values are latin1. A name that maps to several values is written as often. */
export type Http1Fields =
  | readonly (readonly [name: string, value: string | number])[]
  | Readonly<Record<string, string | number | readonly string[]>>

export interface Http1RequestHeadInit {
  readonly method: string
  readonly target: string
  /** `'1.1'` by default. */
  readonly version?: '1.0' | '1.1'
  readonly headers?: Http1Fields
}

export interface Http1ResponseHeadInit {
  /** From 100 to 999. */
  readonly status: number
  /** The usual one for the status by default. */
  readonly reason?: string
  /** `'1.1'` by default. */
  readonly version?: '1.0' | '1.1'
  readonly headers?: Http1Fields
}

/** The head of a request. Throws ERR_INVALID_ARG_VALUE or ERR_INVALID_CHAR for what HTTP has no place for. */
export function encodeRequestHead(head: Http1RequestHeadInit): Uint8Array {
  if (!METHOD.test(head.method)) {
    throw new InvalidArgumentError('method', 'a token without small letters', head.method)
  }
  if (!TARGET.test(head.target)) {
    throw new InvalidArgumentError('target', 'visible ASCII characters, at least one', head.target)
  }
  return bytesOf(`${head.method} ${head.target} HTTP/${versionOf(head.version)}\r\n${fieldsOf(head.headers)}\r\n`)
}

/** The head of a response. Throws as encodeRequestHead. */
export function encodeResponseHead(head: Http1ResponseHeadInit): Uint8Array {
  const { status } = head
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new InvalidArgumentError('status', 'an integer from 100 to 999', status)
  }
  const reason = head.reason ?? REASONS[status] ?? ''
  if (!VALUE.test(reason)) throw invalidChar('the reason')
  return bytesOf(`HTTP/${versionOf(head.version)} ${status} ${reason}\r\n${fieldsOf(head.headers)}\r\n`)
}

/** A chunk of a body. An empty one, which would end the body, is no bytes at all. */
export function encodeChunk(data: Uint8Array | string): Uint8Array {
  const body = typeof data === 'string' ? utf8.encode(data) : data
  if (body.length === 0) return new Uint8Array(0)
  const size = `${body.length.toString(16)}\r\n`
  const chunk = new Uint8Array(size.length + body.length + 2)
  put(chunk, 0, size)
  chunk.set(body, size.length)
  put(chunk, size.length + body.length, '\r\n')
  return chunk
}

/** The end of a chunked body, with trailers if there are any. Throws as encodeRequestHead. */
export function encodeLastChunk(trailers?: Http1Fields): Uint8Array {
  for (const [name] of pairs(trailers)) {
    if (FRAMING.test(name))
      throw new InvalidArgumentError('trailers', `without ${name}, which belongs into a head`, name)
  }
  return bytesOf(`0\r\n${fieldsOf(trailers)}\r\n`)
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Z]+$/
const TARGET = /^[\x21-\x7e]+$/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const FRAMING = /^(content-length|transfer-encoding|host|trailer)$/i

const utf8 = new TextEncoder()

function versionOf(version: string | undefined): string {
  if (version !== undefined && version !== '1.0' && version !== '1.1') {
    throw new InvalidArgumentError('version', "'1.0' or '1.1'", version)
  }
  return version ?? '1.1'
}

function* pairs(fields: Http1Fields | undefined): Generator<readonly [string, string]> {
  if (fields === undefined) return
  if (isList(fields)) {
    for (const [name, value] of fields) yield [name, String(value)]
    return
  }
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'object') for (const each of value) yield [name, each]
    else yield [name, String(value)]
  }
}

function isList(fields: Http1Fields): fields is readonly (readonly [string, string | number])[] {
  return Array.isArray(fields)
}

function fieldsOf(fields: Http1Fields | undefined): string {
  let text = ''
  let lengths = 0
  let codings = 0
  for (const [name, value] of pairs(fields)) {
    if (!TOKEN.test(name)) throw new InvalidArgumentError('a header name', 'a token', name)
    if (!VALUE.test(value)) throw invalidChar(`the value of ${name}`)
    const lower = name.toLowerCase()
    if (lower === 'content-length') {
      lengths++
      if (!/^\d{1,19}$/.test(value)) throw new InvalidArgumentError(name, 'digits', value)
    } else if (lower === 'transfer-encoding') codings++
    text += `${name}: ${value}\r\n`
  }
  if (lengths + codings > 1) {
    throw new InvalidArgumentError('headers', 'with at most one of Content-Length and Transfer-Encoding', fields)
  }
  return text
}

function invalidChar(what: string): Error {
  return Object.assign(new TypeError(`${what} has a character that HTTP does not allow`), { code: 'ERR_INVALID_CHAR' })
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  put(bytes, 0, text)
  return bytes
}

function put(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
}

/** RFC 9110, and what servers of files use of other documents. */
const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}
