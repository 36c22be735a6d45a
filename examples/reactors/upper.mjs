// The handler of the examples beside it: answers in upper case, and says which thread it is when asked.
import { lengthField } from 'millrace'

let name = ''

/** Called once in every thread, before it serves. */
export function setup({ thread, threads }) {
  name = `${thread + 1} of ${threads}`
}

export const codec = lengthField({ maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 })

export const handler = {
  frame(channel, frame) {
    const text = frame.toString()
    channel.write(text === 'who' ? name : text.toUpperCase())
  },
}
