// Results as lines of text, the form in which fixtures state them and tests compare them.
import { ANY, CORRUPTED, type Frame, type FrameError, INCOMPLETE, type Result, TOO_LONG, type Token } from './twin.ts'

export type Kind = 'frames' | 'commands' | 'replies' | 'memcached' | 'http'

export interface PrintOptions {
  /** The raw bytes of a frame too, where the message says something else. */
  readonly raw?: boolean
  /** Error lengths, which only the framing decoders promise. */
  readonly lengths?: boolean
}

/** Bytes as printable ASCII, with the escapes of the fixtures. */
export function escaped(bytes: Uint8Array): string {
  const names: Record<number, string> = { 13: '\\r', 10: '\\n', 92: '\\\\', 34: '\\"' }
  return Array.from(bytes, (byte) => {
    const plain = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : undefined
    return names[byte] ?? plain ?? `\\x${byte.toString(16).padStart(2, '0')}`
  }).join('')
}

const quoted = (bytes: Uint8Array): string => `"${escaped(bytes)}"`
const words = (list: unknown): string => (list as Uint8Array[]).map(quoted).join(' ')

function printToken({ type, bytes, count }: Token): string {
  if (type === '_') return '_'
  if (bytes === null) return `${type}null`
  return type + ('*%~>|'.includes(type) ? count : quoted(bytes))
}

function printHead(message: Readonly<Record<string, unknown>>): string {
  const { method, target, version, reason, headers, contentLength, chunked, keepAlive } = message
  const status = message.status ?? message.statusCode
  const http = `HTTP/${version}`
  const first = method === undefined ? [http, status, reason] : [method, target, http]
  const fields = (headers as [string, string][]).map(([name, value]) => `${name}: ${value}`)
  const length = contentLength === undefined ? [] : [`length ${contentLength}`]
  const texts = [first.join(' '), ...fields].map(quotedText)
  return ['head', ...texts, ...(chunked ? ['chunked'] : length), keepAlive ? 'keep-alive' : 'close'].join(' ')
}

const quotedText = (text: string): string => quoted(Buffer.from(text, 'latin1'))

function printFrame(kind: Kind, result: Frame, raw: boolean): string {
  const message = result.message as Record<string, unknown>
  const bytes = raw ? ` raw ${quoted(result.frame)}` : ''
  switch (kind) {
    case 'frames':
      return `frame ${quoted(result.frame)}`
    case 'commands':
      return `command ${words(result.message)}${bytes}`
    case 'replies':
      return `reply ${(result.tokens ?? []).map(printToken).join(' ')}${bytes}`
    case 'memcached': {
      const data = message.data instanceof Uint8Array ? ` data ${quoted(message.data)}` : ''
      return `command ${words(message.words)}${data}${bytes}`
    }
    case 'http':
      if (message.type === 'head') return printHead(message)
      if (message.type === 'trailers') {
        return `trailers ${(message.headers as string[][]).map((h) => quotedText(h.join(': '))).join(' ')}`
      }
      return message.type === 'data' ? `data ${quoted(result.frame)}` : String(message.type)
  }
}

function printError(kind: Kind, error: FrameError): string {
  const length = kind === 'frames' ? ` ${error.length}` : ''
  if (error.code === TOO_LONG) return `too long${length}`
  if (error.code === CORRUPTED) return `corrupted${length}`
  if (error.code === INCOMPLETE) return `incomplete${length}`
  if (kind === 'http') return `error ${[error.status ?? ANY].flat().join(' or ')}`
  return `error ${error.message}`
}

/** One line per result; the pieces of a body are joined, and trailers without fields are nothing. */
export function print(kind: Kind, results: readonly Result[], { raw = false }: PrintOptions = {}): string[] {
  const lines: string[] = []
  let body: Uint8Array[] = []
  const flush = (): void => {
    const bytes = Buffer.concat(body)
    if (bytes.length > 0) lines.push(`data ${quoted(bytes)}`)
    body = []
  }
  for (const result of results) {
    const message = 'frame' in result ? (result.message as { type?: string; headers?: unknown[] }) : undefined
    if (kind === 'http' && 'frame' in result && message?.type === 'data') {
      body.push(Uint8Array.from(result.frame))
      continue
    }
    flush()
    if (kind === 'http' && message?.type === 'trailers' && message.headers?.length === 0) continue
    lines.push('error' in result ? printError(kind, result.error) : printFrame(kind, result, raw))
  }
  flush()
  return lines
}

/** Whether a line printed by a decoder is the one expected, which may leave words or the status open. */
export function lineMatches(actual: string, expected: string): boolean {
  if (actual === expected) return true
  if (expected === `error ${ANY}`) return actual.startsWith('error ')
  if (!expected.startsWith('error ') || !actual.startsWith('error ')) return false
  return expected.slice(6).split(' or ').includes(actual.slice(6))
}
