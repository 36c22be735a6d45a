// Handlers that are modules, so that any thread can run them; and the codecs that go with them.
import type { Handler } from '../channel/channel.ts'
import type { Codec } from '../core/codec/codec.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'

/** Where a handler's module finds itself. */
export interface HandlerContext {
  /** Which of the threads this is, from 0. */
  readonly thread: number
  readonly threads: number
}

/** A codec as it crosses to another thread: its record. */
export interface PortableCodec {
  readonly name: string
  readonly record: Uint8Array
}

/** What a module gives. */
export interface HandlerModule {
  readonly handler: Handler<unknown>
  readonly codec: Codec<unknown> | undefined
}

/**
 * Imports a module that exports a handler, by default or as `handler`; it may export `codec`, which goes before the
 * one of the options, and `setup(context)`, which is awaited first. Rejects with what the module throws, and with
 * ERR_INVALID_ARG_VALUE where it has no handler.
 */
export async function importHandler(
  url: string,
  context: HandlerContext,
  portable?: PortableCodec,
): Promise<HandlerModule> {
  const module = (await import(url)) as Readonly<Record<string, unknown>>
  const { setup } = module
  if (typeof setup === 'function') await setup(context)
  const handler = (module.handler ?? module.default) as Handler<unknown> | undefined
  if (typeof handler !== 'object' || handler === null || typeof handler.frame !== 'function') {
    throw new InvalidArgumentError('handler', `a module that exports a handler, which ${url} does not`, handler)
  }
  const codec = module.codec as Codec<unknown> | undefined
  return { handler, codec: codec ?? (portable && codecOf(portable)) }
}

/** The codec for other threads. Throws where its frames have a meaning, which is code, and does not cross. */
export function portableCodec(codec: Codec<unknown> | undefined): PortableCodec | undefined {
  if (codec === undefined) return undefined
  if (codec.message !== undefined || codec.tell !== undefined) {
    throw new InvalidArgumentError('codec', `exported by the handler's module where it is ${codec.name}`, codec)
  }
  return codecRecord(codec)
}

/** What the thread needs of a codec that serves the sockets, and does not look into frames. */
export function codecRecord(codec: Codec<unknown>): PortableCodec {
  const record = new Uint8Array(codec.bytes)
  codec.write(new DataView(record.buffer), 0)
  return { name: codec.name, record }
}

/** A codec that frames, and reads nothing out of frames. */
export function codecOf({ name, record }: PortableCodec): Codec {
  return {
    name,
    bytes: record.length,
    write: (view, at) => new Uint8Array(view.buffer).set(record, at),
  }
}
