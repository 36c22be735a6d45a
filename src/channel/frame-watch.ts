// Debug mode for frames: whoever retained one and forgot it is named.
import type { FrameWatch } from '../core/frame.ts'
import type { Loop } from '../loop/loop.ts'

interface Entry {
  readonly at: number
  readonly stack: string
  reported: boolean
}

/** Watches the frames that the handlers of one endpoint retain. */
export class RetainedFrames implements FrameWatch {
  readonly #entries = new Map<number, Entry>()
  readonly #ids = new WeakMap<object, number>()
  readonly #collected: FinalizationRegistry<number>
  #last = 0

  constructor(loop: Loop) {
    this.#collected = new FinalizationRegistry((id) => {
      const entry = this.#entries.get(id)
      if (entry === undefined) return
      this.#entries.delete(id)
      loop.drop(entry.at)
      this.#report(entry)
    })
  }

  keep(frame: object, at: number): void {
    const id = ++this.#last
    const stack = new Error('retained').stack ?? ''
    // without this method, the frame's constructor and retain itself
    this.#entries.set(id, { at, stack: stack.split('\n').slice(4).join('\n'), reported: false })
    this.#ids.set(frame, id)
    this.#collected.register(frame, id, frame)
  }

  drop(frame: object): void {
    this.#entries.delete(this.#ids.get(frame) ?? 0)
    this.#collected.unregister(frame)
  }

  /** The endpoint is closed: what is still retained is reported, once. */
  report(): void {
    for (const entry of this.#entries.values()) this.#report(entry)
  }

  #report(entry: Entry): void {
    if (entry.reported) return
    entry.reported = true
    process.emitWarning('a frame was retained and never released', {
      type: 'FrameLeakWarning',
      code: 'MILLRACE_WARN_FRAME_LEAK',
      detail: `it was retained here:\n${entry.stack}`,
    })
  }
}

/** Whether MILLRACE_DEBUG, a list, names frames. */
export function debugsFrames(): boolean {
  return (process.env.MILLRACE_DEBUG ?? '').split(',').includes('frames')
}
