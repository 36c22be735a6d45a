// How files are sent: every number that a measurement may change. `make bench-transfer` measures; docs/files.md tells.

/** Most bytes of a file that one call moves; then the next channel has its turn. */
export const SLICE_BYTES: u32 = 256 * 1024
/** Most bytes of files that one `enter` moves, over all channels; then the rest of the loop has its turn. */
export const TURN_BYTES: u32 = 1024 * 1024
/** What a slice counts at least: a call is not free, however little it moves. */
export const SLICE_COST_MIN: u32 = 4096

/** A slice of the read strategy: it and the socket's copy should fit the L2 cache. */
export const READ_SLICE_BYTES: u32 = 64 * 1024
/** A slice of direct reads: a disk wants large ones. */
export const DIRECT_SLICE_BYTES: u32 = 512 * 1024
/** Direct reads begin and end at multiples of this where the file system does not say better. */
export const DIRECT_ALIGN: u32 = 4096

/** `auto`: up to this size a file is read and sent together with what stands before it. */
export const AUTO_READ_MAX: u64 = 16 * 1024
/** `auto`: from this size on, a file that is not in memory is read past the page cache, which it would flush. */
export const AUTO_DIRECT_MIN: u64 = 1024 * 1024 * 1024

/** Residency is asked for so many bytes at a time … */
export const WINDOW_BYTES: u32 = 2 * 1024 * 1024
/** … and what was found is believed for so long. */
export const TRUST_NS: u64 = 1_000_000_000
/** A slice that is not in memory is looked at again after this time, which doubles … */
export const COLD_FIRST_NS: u64 = 500_000
/** … up to this … */
export const COLD_MOST_NS: u64 = 32_000_000
/** … and so many times; then it is sent all the same, and the file is not looked at any more. */
export const COLD_TRIES: u32 = 32

/** Files that may wait in one channel's queue (law 2) … */
export const FILES_MAX: u32 = 64
/** … above this many no more is decoded for it (law 7) … */
export const FILES_HIGH: u32 = 16
/** … and down to this many it goes on. */
export const FILES_LOW: u32 = 8
