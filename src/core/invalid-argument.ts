// The error of a caller who passed what cannot be: it names the argument and what is allowed.

export class InvalidArgumentError extends TypeError {
  readonly code = 'ERR_INVALID_ARG_VALUE'

  /** `rule` completes the sentence «argument must be …»; `received` is shown shortened. */
  constructor(argument: string, rule: string, received: unknown) {
    super(`${argument} must be ${rule}; received ${show(received)}`)
    this.name = 'TypeError'
  }
}

const SHOWN_MAX = 64

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? shape(value) : String(value)
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX - 1)}…`
}

function shape(value: object | null): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}
