// The contract every kernel keeps, as one suite to run against each. A test that a kernel cannot pass is skipped with
// its reason, a whole part under the name 'part …'; a reason for what does not exist is an error.
import { describe, expect, test } from 'vitest'
import { accepting } from './kernel/accepting.ts'
import { batching } from './kernel/batching.ts'
import { bordering } from './kernel/bordering.ts'
import { calling } from './kernel/calling.ts'

import { cancelling } from './kernel/cancelling.ts'
import { closing } from './kernel/closing.ts'
import { connecting } from './kernel/connecting.ts'
import { entering } from './kernel/entering.ts'
import { filing } from './kernel/filing.ts'

import { guessing } from './kernel/guessing.ts'
import { linking } from './kernel/linking.ts'
import { messaging } from './kernel/messaging.ts'
import { mistaking } from './kernel/mistaking.ts'
import { polling } from './kernel/polling.ts'
import { pressing } from './kernel/pressing.ts'
import { receiving } from './kernel/receiving.ts'
import { ringing } from './kernel/ringing.ts'
import { sending } from './kernel/sending.ts'
import { streaming } from './kernel/streaming.ts'
import { timing } from './kernel/timing.ts'
import { transferring } from './kernel/transferring.ts'
import { zeroCopying } from './kernel/zero-copying.ts'
import type { MakeRig, Rig, RigOptions } from './rig.ts'

/** What a part of the suite is written with. */
export interface Contract {
  readonly prove: (title: string, body: (rig: Rig) => void | Promise<void>, options?: RigOptions) => void
  /** Another loop of the same kernel, which the test closes. */
  readonly make: MakeRig
}

const PARTS = {
  entering,
  calling,
  accepting,
  connecting,
  receiving,
  sending,
  streaming,
  polling,
  timing,
  cancelling,
  linking,
  filing,
  transferring,
  mistaking,
  messaging,
  batching,
  zeroCopying,
  ringing,
  closing,
  pressing,
  bordering,
  guessing,
} as const

/** `absent`: why the kernel is not there at all, on this machine. */
export function contract(
  kernel: string,
  make: MakeRig,
  skips: Readonly<Record<string, string>> = {},
  absent?: string,
): void {
  const unused = new Set(Object.keys(skips))

  describe(`the contract, kept by ${kernel}`, () => {
    for (const [part, define] of Object.entries(PARTS)) {
      const whole = skips[`part ${part}`]
      unused.delete(`part ${part}`)
      describe(part, () => {
        define({
          make,
          prove(title, body, options) {
            const reason = absent ?? skips[title] ?? whole
            unused.delete(title)
            test(title, async (context) => {
              if (reason !== undefined) return context.skip(reason)
              const rig = make(options)
              try {
                await body(rig)
              } finally {
                rig.close()
              }
            })
          },
        })
      })
    }

    test('every skip names a test', () => expect([...unused]).toEqual([]))
  })
}
