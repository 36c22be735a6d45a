// What the twin of http1() thinks of a head: its first line, its fields, and what they say of the body.

export type Header = readonly [name: string, value: string]

export interface Verdict {
  readonly problems: readonly number[]
  readonly minor?: number
  readonly method?: string
  readonly target?: string
  readonly status?: number
  readonly reason?: string
}

export const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What the beginning of a field line may be. */
export const FIELD_BEGUN = /^(?:\r?|[!#$%&'*+.^_`|~0-9A-Za-z-]+(?::[\t -~\x80-\xff]*\r?)?)$/
const VALUE = /^[\t -~\x80-\xff]*$/
const LENGTH_DIGITS_MAX = 19
const HOST = /^(?:\[[A-Za-z0-9._~!$&'()*+,;=:-]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?$/

/** Where a request's target begins. */
export const METHOD_BEFORE = /^[!#$%&'*+.^_`|~0-9A-Z-]+ (?=[!-~])/

/** Whether a request line may begin like this. */
export function requestBegun(text: string): boolean {
  const match = /^[!#$%&'*+.^_`|~0-9A-Z-]+(?: [!-~]*(?<! )(?: (.*))?)?$/s.exec(text.replace(/\r$/, ''))
  const version = match?.[1] ?? ''
  return match !== null && /^HTTP\/[0-9]\.[0-9]$/.test(version + 'HTTP/1.1'.slice(version.length))
}

export function requestLine(line: string): Verdict {
  const match = /^([!#$%&'*+.^_`|~0-9A-Z-]+) ([!-~]+) (HTTP\/[0-9]+\.[0-9]+)$/.exec(line)
  if (!match) return { problems: [400] }
  const [, method = '', target = '', version = ''] = match
  const fits =
    target.startsWith('/') ||
    (target === '*' && method === 'OPTIONS') ||
    (method === 'CONNECT' && /^[^/?#]+:[0-9]+$/.test(target)) ||
    /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]/.test(target)
  if (!fits) return { problems: [400] }
  if (!/^HTTP\/1\.[0-9]$/.test(version)) return { problems: [/^HTTP\/[2-9]\.[0-9]$/.test(version) ? 505 : 400] }
  return { problems: [], minor: Number(version.at(-1)), method, target }
}

export function headersOf(lines: readonly string[]): { headers: Header[]; problems: number[] } {
  const headers: Header[] = []
  const problems: number[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    if (colon < 0 || !TOKEN.test(name) || !VALUE.test(value))
      problems.push(400) // folded lines begin with a blank
    else headers.push([name, value])
  }
  return { headers, problems }
}

const valuesOf = (headers: readonly Header[], wanted: string): string[] =>
  headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)

/** What the fields say of the body. */
export function bodyOf(
  headers: readonly Header[],
  minor: number,
): { problems: number[]; chunked: boolean; contentLength?: number } {
  const problems: number[] = []
  const lengths = valuesOf(headers, 'content-length')
  const encodings = valuesOf(headers, 'transfer-encoding')
  if (lengths.length > 1 || lengths.some((length) => !/^[0-9]+$/.test(length) || length.length > LENGTH_DIGITS_MAX))
    problems.push(400)
  else if (lengths.length === 1 && Number(lengths[0]) > Number.MAX_SAFE_INTEGER) problems.push(413)
  if (encodings.length > 0) {
    if (lengths.length > 0 || encodings.length > 1 || minor === 0) problems.push(400)
    if (encodings.some((encoding) => encoding.toLowerCase() !== 'chunked')) problems.push(501)
  }
  const chunked = encodings.length > 0
  return lengths.length === 1 ? { problems, chunked, contentLength: Number(lengths[0]) } : { problems, chunked }
}

/** Whether a request whose fields these are names no host, several, or none that can be. */
export function hostFault(headers: readonly Header[], minor: number): boolean {
  const hosts = valuesOf(headers, 'host')
  return hosts.length > 1 || (hosts.length === 0 && minor >= 1) || hosts.some((host) => !HOST.test(host))
}

export function keepsAlive(headers: readonly Header[], minor: number): boolean {
  const options = valuesOf(headers, 'connection').flatMap((value) =>
    value.split(',').map((option) => option.trim().toLowerCase()),
  )
  if (options.includes('close')) return false
  return minor >= 1 || options.includes('keep-alive')
}
