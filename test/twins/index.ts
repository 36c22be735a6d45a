// The twins by the names under which fixtures and generators know their decoders.
import { delimiter, fixed, lengthField, line, varint32 } from './framing.ts'
import { http1 } from './http1.ts'
import { memcached } from './memcached.ts'
import type { Kind } from './print.ts'
import { respReplies } from './resp-replies.ts'
import { respRequests } from './resp-requests.ts'
import type { Twin } from './twin.ts'

export interface Subject {
  /** The function of src/core that makes the codec. */
  readonly codec: 'line' | 'delimiter' | 'fixed' | 'lengthField' | 'varint32' | 'resp' | 'memcached' | 'http1'
  readonly kind: Kind
  // biome-ignore lint/suspicious/noExplicitAny: options are as different as the decoders
  readonly twin: (options: any) => Twin
  /** Options that make the codec this subject. */
  readonly always?: Readonly<Record<string, unknown>>
}

export const SUBJECTS = {
  line: { codec: 'line', kind: 'frames', twin: line },
  delimiter: { codec: 'delimiter', kind: 'frames', twin: delimiter },
  fixed: { codec: 'fixed', kind: 'frames', twin: fixed },
  'length-field': { codec: 'lengthField', kind: 'frames', twin: lengthField },
  varint32: { codec: 'varint32', kind: 'frames', twin: varint32 },
  'resp-requests': { codec: 'resp', kind: 'commands', twin: respRequests, always: { messages: 'requests' } },
  'resp-replies': { codec: 'resp', kind: 'replies', twin: respReplies, always: { messages: 'replies' } },
  memcached: { codec: 'memcached', kind: 'memcached', twin: memcached },
  'http1-requests': { codec: 'http1', kind: 'http', twin: http1, always: { messages: 'requests' } },
  'http1-responses': { codec: 'http1', kind: 'http', twin: http1, always: { messages: 'responses' } },
} as const satisfies Readonly<Record<string, Subject>>

export type Name = keyof typeof SUBJECTS
export const NAMES = Object.keys(SUBJECTS) as Name[]

export function twinOf(name: Name, options: object): Twin {
  const { twin, ...subject }: Subject = SUBJECTS[name]
  return twin({ ...subject.always, ...options })
}
