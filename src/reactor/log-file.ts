// A log that can be moved away and opened anew under its name (logrotate's `postrotate` with a signal).
import { closeSync, openSync, writeSync } from 'node:fs'

export class LogFile {
  readonly #path: string
  #fd: number

  /** Throws what open(2) says. */
  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'a', 0o640)
  }

  /** Whole at once: with O_APPEND lines of several processes do not mix. */
  write(text: string | Uint8Array): void {
    if (typeof text === 'string') writeSync(this.#fd, text)
    else writeSync(this.#fd, text)
  }

  /** Where that fails the old file goes on, and says so. */
  reopen(): void {
    let fd: number
    try {
      fd = openSync(this.#path, 'a', 0o640)
    } catch (error) {
      this.write(`millrace: ${this.#path} cannot be opened anew: ${(error as Error).message}\n`)
      return
    }
    closeSync(this.#fd)
    this.#fd = fd
  }

  close(): void {
    closeSync(this.#fd)
  }
}
