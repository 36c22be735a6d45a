// Text with escapes to bytes and back, and a few things that both halves of the page need.

const ESCAPES = { r: 13, n: 10, t: 9, 0: 0, '\\': 92 }
const NAMES = { 13: '\\r', 10: '\\n', 9: '\\t', 0: '\\0', 92: '\\\\' }
const utf8 = new TextEncoder()

/** The bytes that a text with escapes stands for; its line breaks stand for nothing. */
export function bytesOf(text) {
  const bytes = []
  for (const [whole, hex, letter] of text.matchAll(/\\x([0-9a-f]{2})|\\(.?)|\r?\n|[^\\\r\n]+|\r/giu)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16))
    else if (letter !== undefined) {
      if (!(letter in ESCAPES)) throw new Error(`${whole} is no escape: \\r \\n \\t \\0 \\\\ or \\x and two hex digits`)
      bytes.push(ESCAPES[letter])
    } else if (!/[\r\n]/.test(whole)) bytes.push(...utf8.encode(whole))
  }
  return Uint8Array.from(bytes)
}

/** One byte as a reader can see it. */
export function byteText(byte) {
  if (byte in NAMES) return NAMES[byte]
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
}

export function textOf(bytes) {
  return Array.from(bytes, byteText).join('')
}

/** An element with properties, and children that are nodes or text. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

const PALETTE = [
  '#3b82c4',
  '#e08a1e',
  '#2f9e6e',
  '#b55fb3',
  '#d4574e',
  '#8a8f2a',
  '#5f6fd8',
  '#16a0a6',
  '#b07a4a',
  '#c2588f',
]

/** A colour for the i-th of several. */
export function colour(i) {
  return PALETTE[i % PALETTE.length]
}

export function swatch(i) {
  const made = element('span', { className: 'swatch' })
  made.style.setProperty('--owner', colour(i))
  return made
}

export function percent(share) {
  return `${(share * 100).toFixed(1)} %`
}

/** Shows a sentence in an alert, or hides it. */
export function alert(node, sentence) {
  node.textContent = sentence
  node.hidden = sentence === ''
}
