// What a loop has counted: read from its control block, where the core and the shim count.
import * as abi from '../../assembly/abi.ts'
import type { Runtime } from './runtime.ts'
import type { TurnStats, TurnTimes } from './turn-times.ts'

export interface LoopStats extends TurnStats {
  readonly enters: number
  readonly waits: number
  readonly stale: number
  readonly starved: number
  readonly channels: number
  readonly skbs: number
  /** Bytes received straight into the large frame they belong to. */
  readonly sizedBytes: number
  /** Operations and accepts refused because the kernel cannot hold such a high descriptor. */
  readonly fdsRefused: number
  /** Bytes of files that went to sockets, in how many slices; how many of those had to wait for a disk, and in vain. */
  readonly files: { readonly bytes: number; readonly slices: number; readonly cold: number; readonly forced: number }
  readonly heapUsed: number
  readonly slabUsed: number
}

/** Of a loop whose control block lies at `control`. */
export function readLoopStats(
  { view, control, core }: { readonly view: DataView; readonly control: number; readonly core: Runtime },
  times: TurnTimes,
): LoopStats {
  const u64 = (offset: number): number => Number(view.getBigUint64(control + offset, true))
  const u32 = (offset: number): number => view.getUint32(control + offset, true)
  return {
    enters: u64(abi.CONTROL_ENTERS),
    waits: u64(abi.CONTROL_WAITS),
    stale: u64(abi.CONTROL_STALE),
    starved: u64(abi.CONTROL_STARVED),
    channels: u32(abi.CONTROL_CHANNELS),
    skbs: u32(abi.CONTROL_SKBS),
    sizedBytes: u64(abi.CONTROL_SIZED),
    fdsRefused: u64(abi.CONTROL_FDS_REFUSED),
    files: {
      bytes: u64(abi.CONTROL_FILE_BYTES),
      slices: u64(abi.CONTROL_FILE_SLICES),
      cold: u64(abi.CONTROL_FILE_COLD),
      forced: u64(abi.CONTROL_FILE_FORCED),
    },
    heapUsed: core.heapUsed() >>> 0,
    slabUsed: core.slabUsed() >>> 0,
    ...times.stats(),
  }
}
