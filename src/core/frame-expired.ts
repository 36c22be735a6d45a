// What becomes of a frame that is used too late: each of its fields throws. A frame that is alive pays nothing for it.

/** The codes of such errors, and what they say. */
const MESSAGES = {
  MILLRACE_ERR_FRAME_EXPIRED: 'the frame was valid during its call only; retain() or copy() what must live longer',
  MILLRACE_ERR_FRAME_RELEASED: 'the frame was released',
} as const

export type ExpiredCode = keyof typeof MESSAGES

export function expired(code: ExpiredCode): Error {
  return Object.assign(new Error(MESSAGES[code]), { code })
}

/** The fields through which everything about a frame is read. */
const FIELDS = ['at', 'length', 'kind', 'parts'] as const

// the same getters for all, so that all expired frames have one shape
const descriptors = Object.fromEntries(
  Object.keys(MESSAGES).map((code) => {
    const get = (): never => {
      throw expired(code as ExpiredCode)
    }
    return [code, Object.fromEntries(FIELDS.map((name) => [name, { get, configurable: false }]))]
  }),
)

/** Lets every use of a frame throw. */
export function expire(frame: object, code: ExpiredCode): void {
  Object.defineProperties(frame, descriptors[code] as PropertyDescriptorMap)
}
