// Replies as values, and their bytes in RESP2 or RESP3: for the rare commands that are answered in TypeScript.

/** A reply: a bulk string, an integer, null, an array, a set, a map, or one of the lines below. */
export type Reply =
  | string
  | Uint8Array
  | number
  | bigint
  | null
  | readonly Reply[]
  | ReadonlySet<Reply>
  | ReadonlyMap<string, Reply>
  | Line
  | Verbatim

/** A reply of one line: a status (`+`) or an error (`-`). */
export class Line {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Text that a RESP3 client may show as it is. */
export class Verbatim {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export const OK: Line = new Line('+OK')

export function status(text: string): Line {
  return new Line(`+${text}`)
}

/** An error; what came from the client may not end the line. */
export function failure(text: string): Line {
  return new Line(`-ERR ${text.replace(/[\r\n]/g, ' ')}`)
}

/** The bytes of a reply. Strings are latin1: one byte per character, as arguments were read. */
export function encodeReply(reply: Reply, resp3: boolean): Uint8Array {
  const parts: Buffer[] = []
  write(parts, reply, resp3)
  return Buffer.concat(parts)
}

function header(parts: Buffer[], type: string, count: number | bigint): void {
  parts.push(Buffer.from(`${type}${count}\r\n`, 'latin1'))
}

function bulk(parts: Buffer[], bytes: Uint8Array, type: string): void {
  header(parts, type, bytes.length)
  parts.push(Buffer.from(bytes), Buffer.from('\r\n'))
}

function write(parts: Buffer[], reply: Reply, resp3: boolean): void {
  if (typeof reply === 'string') bulk(parts, Buffer.from(reply, 'latin1'), '$')
  else if (typeof reply === 'number' || typeof reply === 'bigint') header(parts, ':', reply)
  else if (reply === null) parts.push(Buffer.from(resp3 ? '_\r\n' : '$-1\r\n'))
  else if (reply instanceof Uint8Array) bulk(parts, reply, '$')
  else if (reply instanceof Line) parts.push(Buffer.from(`${reply.text}\r\n`, 'latin1'))
  else if (reply instanceof Verbatim) {
    bulk(parts, Buffer.from(resp3 ? `txt:${reply.text}` : reply.text, 'latin1'), resp3 ? '=' : '$')
  } else if (reply instanceof Map) {
    header(parts, resp3 ? '%' : '*', resp3 ? reply.size : reply.size * 2)
    for (const [key, value] of reply as ReadonlyMap<string, Reply>) {
      write(parts, key, resp3)
      write(parts, value, resp3)
    }
  } else {
    const items = [...(reply as Iterable<Reply>)]
    header(parts, reply instanceof Set && resp3 ? '~' : '*', items.length)
    for (const item of items) write(parts, item, resp3)
  }
}
