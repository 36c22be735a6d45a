// Glob patterns as KEYS and SCAN MATCH take them: * ? [abc] [^a-z] and \ for what is meant literally.

const STAR: u32 = 42
const QUESTION: u32 = 63
const OPEN: u32 = 91
const CLOSE: u32 = 93
const CARET: u32 = 94
const BACKSLASH: u32 = 92
const DASH: u32 = 45

// A star has been tried to the end of the text: a longer match of an earlier star cannot help either.
let exhausted = false

/** Whether `[s, sEnd)` matches the pattern `[p, pEnd)`. */
export function globMatch(p: usize, pEnd: usize, s: usize, sEnd: usize): bool {
  // Redis does not look for stars where there is no text; only a lone one matches the empty key
  if (s == sEnd) return p == pEnd || (p + 1 == pEnd && load<u8>(p) == STAR)
  exhausted = false
  return match(p, pEnd, s, sEnd)
}

function match(p: usize, pEnd: usize, s: usize, sEnd: usize): bool {
  while (p < pEnd && s < sEnd) {
    let c: u32 = load<u8>(p)
    if (c == STAR) {
      while (p + 1 < pEnd && load<u8>(p, 1) == STAR) p++
      if (p + 1 == pEnd) return true
      while (s < sEnd) {
        if (match(p + 1, pEnd, s, sEnd)) return true
        if (exhausted) return false
        s++
      }
      exhausted = true
      return false
    }
    if (c == OPEN) {
      if (!inClass(p + 1, pEnd, load<u8>(s))) return false
      p = classEnd
    } else if (c != QUESTION) {
      if (c == BACKSLASH && p + 1 < pEnd) c = load<u8>(++p)
      if (c != <u32>load<u8>(s)) return false
    }
    p++
    s++
  }
  if (s == sEnd) while (p < pEnd && load<u8>(p) == STAR) p++
  return p == pEnd && s == sEnd
}

let classEnd: usize = 0

/** Whether `c` is in the class that begins behind its bracket at `p`; classEnd is its last byte. */
function inClass(p: usize, pEnd: usize, c: u32): bool {
  const not = p < pEnd && load<u8>(p) == CARET
  if (not) p++
  let found = false
  while (true) {
    if (p + 1 < pEnd && load<u8>(p) == BACKSLASH) {
      if (<u32>load<u8>(++p) == c) found = true
    } else if (p >= pEnd) {
      p = pEnd - 1 // a class that is never closed ends with the pattern
      break
    } else if (load<u8>(p) == CLOSE) {
      break
    } else if (p + 2 < pEnd && load<u8>(p, 1) == DASH) {
      const first: u32 = load<u8>(p)
      const last: u32 = load<u8>(p, 2)
      if (c >= min(first, last) && c <= max(first, last)) found = true
      p += 2
    } else if (<u32>load<u8>(p) == c) {
      found = true
    }
    p++
  }
  classEnd = p
  return found != not
}
