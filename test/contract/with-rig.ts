// A test body with a loop of one kernel, closed behind it.
import { Rig, type RigOptions } from './rig.ts'

export function withRig(
  kernel: number,
  body: (rig: Rig) => void | Promise<void>,
  options?: RigOptions,
): () => Promise<void> {
  return async () => {
    const rig = new Rig(kernel, options)
    try {
      await body(rig)
    } finally {
      rig.close()
    }
  }
}
