// Files on their way into a channel: what is asked for, checked and opened; and the promises, which the core's upcalls
// keep.
import * as abi from '../../assembly/abi.ts'
import { ERROR_FILE_TRUNCATED, ERROR_NOT_A_FILE } from '../../assembly/codec/abi.ts'
import { ERRORS } from '../core/errors.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { check, type Subject, systemError } from '../kernel/errors.ts'
import type { Loop } from '../loop/loop.ts'

/** How the bytes of a file get into the socket; docs/files.md compares them. */
export type SendFileStrategy = 'auto' | 'read' | 'mmap' | 'sendfile' | 'splice' | 'direct'

export interface SendFileOptions {
  /** The first byte; 0 by default. */
  readonly offset?: number
  /** Bytes; by default all that the file has from `offset` on when it is opened. */
  readonly length?: number
  /** 'auto' by default: by the size of the file and whether it lies in memory. */
  readonly strategy?: SendFileStrategy
}

const STRATEGIES: Readonly<Record<SendFileStrategy, number>> = {
  auto: abi.TRANSFER_AUTO,
  read: abi.TRANSFER_READ,
  mmap: abi.TRANSFER_MMAP,
  sendfile: abi.TRANSFER_SENDFILE,
  splice: abi.TRANSFER_SPLICE,
  direct: abi.TRANSFER_DIRECT,
}

const PATH_MAX = 4096
const ENAMETOOLONG = 36
const STATX_AT = 8192 // in the stage, behind the path
/** A FIFO without a writer must not block. */
const OPEN_FLAGS = abi.O_RDONLY | abi.O_CLOEXEC | abi.O_NOCTTY | abi.O_NONBLOCK
const { STATX_INO, STATX_DEV, STATX_MTIME } = abi
const IDENTITY = [STATX_INO, STATX_INO + 4, STATX_DEV, STATX_DEV + 4, STATX_MTIME, STATX_MTIME + 8]
const KINDS: Readonly<Record<number, string>> = {
  1: 'a FIFO',
  2: 'a character device',
  4: 'a directory',
  6: 'a block device',
  12: 'a socket',
}

/** A file that is open, and the part of it that is to be sent. */
export interface OpenFile {
  readonly fd: number
  /** The descriptor was opened here, and is to be closed here. */
  readonly owned: boolean
  readonly offset: number
  readonly length: number
  readonly how: number
  /** A hash of which file it is. */
  readonly key: number
  /** What places of direct reads are multiples of; 0: unknown. */
  readonly align: number
  readonly subject: Subject
}

/** Opens and checks what `sendFile` was given; throws with nothing left open. */
export function openFile(loop: Loop, file: string | number, options: SendFileOptions): OpenFile {
  const { strategy = 'auto' } = options
  const how = Object.hasOwn(STRATEGIES, strategy) ? STRATEGIES[strategy] : undefined
  if (how === undefined) {
    throw new InvalidArgumentError('strategy', `one of ${Object.keys(STRATEGIES).join(', ')}`, strategy)
  }
  const offset = whole('offset', options.offset ?? 0)
  const length = options.length === undefined ? undefined : whole('length', options.length)
  const owned = typeof file === 'string'
  const subject: Subject = owned ? { path: file } : {}
  const fd = owned ? open(loop, file) : descriptor(file)
  try {
    const at = loop.stage + STATX_AT
    check(loop.call(abi.CALL_FSTAT, fd, at), 'fstat', subject)
    const { u32, view } = loop
    const mode = view.getUint16(at + abi.STATX_MODE, true) & abi.S_IFMT
    if (mode !== abi.S_IFREG) throw notAFile(mode, file, subject)
    const word = (at + abi.STATX_SIZE) >>> 2
    const size = (u32[word] as number) + (u32[word + 1] as number) * 2 ** 32
    const rest = size - offset
    if (rest < 0 || (length !== undefined && length > rest)) throw outOfRange(file, size, offset, length)
    const align = view.getUint32(at + abi.STATX_DIO_ALIGN, true)
    return { fd, owned, offset, length: length ?? rest, how, key: identity(u32, at), align, subject }
  } catch (error) {
    if (owned) loop.call(abi.CALL_CLOSE, fd)
    throw error
  }
}

/** Which file it is, and of which state: numbers of inodes are used again. */
function identity(u32: Uint32Array, at: number): number {
  let hash = 0
  for (const place of IDENTITY) hash = Math.imul(hash ^ (u32[(at + place) >>> 2] as number), 0x9e3779b1)
  return (hash ^ (hash >>> 15)) >>> 0
}

function open(loop: Loop, path: string): number {
  if (path.includes('\0')) throw new InvalidArgumentError('path', 'free of null bytes', path)
  if (!stageAscii(loop, path)) {
    const bytes = Buffer.from(`${path}\0`)
    if (bytes.length > PATH_MAX) throw systemError(-ENAMETOOLONG, 'open', { path })
    loop.bytes.set(bytes, loop.stage)
  }
  return check(loop.call(abi.CALL_OPEN, abi.AT_FDCWD, loop.stage, OPEN_FLAGS), 'open', { path })
}

/** Writes a path of ASCII, as most are, into the stage: without a buffer for each. False: it is another. */
function stageAscii({ bytes, stage }: Loop, path: string): boolean {
  if (path.length >= PATH_MAX) return false
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code > 127) return false
    bytes[stage + i] = code
  }
  bytes[stage + path.length] = 0
  return true
}

function descriptor(fd: number): number {
  if (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31) return fd
  throw new InvalidArgumentError('file', 'a path or an open descriptor', fd)
}

function whole(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError(name, 'a whole number of bytes', value)
}

const named = (file: string | number): string => (typeof file === 'string' ? file : `descriptor ${file}`)

function notAFile(mode: number, file: string | number, subject: Subject): Error {
  const { code, message } = ERRORS[ERROR_NOT_A_FILE] as { code: string; message: string }
  const kind = KINDS[mode >> 12] ?? 'something else'
  return Object.assign(new Error(`sendFile ${named(file)}: it is ${kind}; ${message}`), { code }, subject)
}

function outOfRange(file: string | number, size: number, offset: number, length: number | undefined): Error {
  const asked = length === undefined ? `bytes from ${offset} on` : `${length} bytes from ${offset} on`
  const error = new RangeError(`sendFile ${named(file)}: it has ${size} bytes; ${asked} are asked for`)
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}

interface Sending {
  readonly file: OpenFile
  promise?: Promise<number>
  resolve: (bytes: number) => void
  reject: (error: Error) => void
}

const nothing = (): void => undefined

/** The files in one channel's queue, oldest first, as the core has them. */
export class Sendings {
  readonly #files: Sending[] = []

  /** A file was queued. */
  add(file: OpenFile): Promise<number> {
    const sending: Sending = { file, resolve: nothing, reject: nothing }
    this.#files.push(sending)
    sending.promise = new Promise<number>((resolve, reject) => {
      sending.resolve = resolve
      sending.reject = reject
    })
    return sending.promise
  }

  /** The socket has the oldest file, or `sent` bytes of it and no more: then the error is returned. */
  sent(sent: number, error: number): Error | undefined {
    const sending = this.#files.shift()
    if (sending === undefined) return undefined
    const { file } = sending
    if (error === 0) {
      sending.resolve(file.length)
      return undefined
    }
    return fail(sending, error === ERROR_FILE_TRUNCATED ? truncated(file, sent) : broken(-error, file, sent))
  }

  /** The channel is closed: what was not sent never is. */
  drop(cause: Error | undefined): void {
    for (const sending of this.#files) {
      const failure = broken(-abi.EPIPE, sending.file, 0)
      fail(sending, cause === undefined ? failure : Object.assign(failure, { cause }))
    }
    this.#files.length = 0
  }
}

/** A failure is also told to the handler: who does not look at the promise is not surprised. */
function fail({ promise, reject }: Sending, failure: Error): Error {
  promise?.catch(nothing)
  reject(failure)
  return failure
}

function broken(errno: number, file: OpenFile, sent: number): Error {
  return Object.assign(systemError(errno, 'sendFile', file.subject), { bytesSent: sent })
}

function truncated({ length, subject }: OpenFile, sent: number): Error {
  const { code, message } = ERRORS[ERROR_FILE_TRUNCATED] as { code: string; message: string }
  const path = subject.path === undefined ? '' : ` ${subject.path}`
  const error = new Error(`sendFile${path}: ${message} (${sent} of ${length} bytes were sent)`)
  return Object.assign(error, { code, bytesSent: sent }, subject)
}
