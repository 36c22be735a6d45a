// What features() are made of: on or off, a reason, and what to do.

/** A fact by its name in shim/probe.c: a number, −errno, or undefined where there is no shim to ask. */
export type Ask = (fact: string) => number | undefined

export interface Feature {
  readonly name: string
  /** on: it is there, or enough. off: it is missing, not used, or too little. */
  readonly state: 'on' | 'off'
  /** What was found. */
  readonly value?: string
  readonly why: string
  /** What to do; left out where there is nothing to do. */
  readonly fix?: string
}

export function on(name: string, value: string, why: string, fix?: string): Feature {
  return { name, state: 'on', value, why, ...(fix === undefined ? {} : { fix }) }
}

export function off(name: string, value: string | undefined, why: string, fix?: string): Feature {
  return { name, state: 'off', ...(value === undefined ? {} : { value }), why, ...(fix === undefined ? {} : { fix }) }
}

export function unknown(name: string): Feature {
  return off(name, undefined, 'not known: the shim, which would ask the kernel, is not there', 'see shim')
}
