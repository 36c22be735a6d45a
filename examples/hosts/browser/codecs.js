// What the page knows about codecs: their parameters and a stream to begin with. A codec that the package does not
// export is not offered.
import * as core from 'millrace/core'
import { bytesOf } from './bytes.js'

const whole = (name, value, min, max) => ({ name, value, type: 'number', min, max })
const flag = (name, value) => ({ name, value, type: 'checkbox' })
const choice = (name, value, ...values) => ({ name, value, type: 'select', values })

const KNOWN = {
  lengthField: {
    parameters: [
      whole('maxFrameLength', 32, 1),
      whole('lengthFieldOffset', 0, 0),
      choice('lengthFieldLength', 2, 1, 2, 3, 4, 8),
      whole('lengthAdjustment', 0),
      whole('initialBytesToStrip', 2, 0),
      choice('byteOrder', 'BE', 'BE', 'LE'),
      flag('failFast', true),
    ],
    stream: String.raw`\0\x05hello\0\0\0\x28much longer than the thirty-two allowed \0\x05world\0\x07un`,
  },
  line: {
    parameters: [whole('maxLength', 16, 1), flag('stripDelimiter', true), flag('failFast', false)],
    stream: String.raw`hello\r\nworld\n\na line of more than sixteen bytes\r\nlone\rreturn\nthe end`,
  },
  delimiter: {
    parameters: [
      { name: 'delimiters', value: String.raw`$_ \0`, type: 'list' },
      whole('maxFrameLength', 16, 1),
      flag('stripDelimiter', true),
      flag('failFast', true),
    ],
    stream: String.raw`hello$_wor$ld\0$_a frame of more than sixteen bytes$_the end`,
  },
  fixed: { parameters: [whole('frameLength', 5, 1)], stream: 'helloworldabc' },
  varint32: {
    parameters: [whole('maxFrameLength', 16, 1)],
    stream: String.raw`\x05hello\0\x1da frame that is much too long\x05world\x07un`,
  },
  resp: {
    parameters: [choice('messages', 'requests', 'requests', 'replies')],
    stream: String.raw`*2\r\n$3\r\nGET\r\n$4\r\nuser\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n*1\r\n$4\r\nQU`,
  },
  memcached: {
    parameters: [choice('messages', 'requests', 'requests', 'replies')],
    stream: String.raw`get user:1 user:2\r\nset k 0 60 2\r\n\r\n\r\ndelete k\r\nver`,
  },
  http1: {
    parameters: [choice('messages', 'requests', 'requests', 'responses')],
    stream: String.raw`GET /a?b=1 HTTP/1.1\r\nHost: a.example\r\n\r\nPOST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabcGET`,
  },
  raw: { parameters: [], stream: 'whatever has arrived is a frame' },
}

const exported = new Map(Object.entries(core))

export const CODECS = Object.fromEntries(Object.entries(KNOWN).filter(([name]) => exported.has(name)))

/** The codec of a name, made with what its fields say. */
export function makeCodec(name, field) {
  const options = {}
  for (const { name: parameter, type, values } of CODECS[name].parameters) {
    const input = field(parameter)
    if (type === 'checkbox') options[parameter] = input.checked
    else if (type === 'number') options[parameter] = input.value === '' ? undefined : Number(input.value)
    else if (type === 'list') options[parameter] = input.value.split(' ').filter(Boolean).map(bytesOf)
    else options[parameter] = values.find((value) => String(value) === input.value)
  }
  return exported.get(name)(options)
}
