// Generated from assembly/sim/abi.ts by shim/generate.mjs: edit that file and run `make shim`.
// clang-format off
#ifndef MR_SIM_ABI_H
#define MR_SIM_ABI_H

// Numbers of the simulated kernel that TypeScript and C share; the core knows none of them. `make shim` turns it into
// shim/sim/abi.h.

// The simulated kernel (shim/sim/): what can go wrong, each by probability or by script. A fault is something that a
// real kernel could do.
#define MR_SIM_FAULT_SHORT_READ 0 // a receive or read brings less than there is
#define MR_SIM_FAULT_SHORT_WRITE 1 // a send or write takes less than there is room for
#define MR_SIM_FAULT_AGAIN 2 // a storm: for a while a socket takes no send
#define MR_SIM_FAULT_RESET 3 // the connection is reset
#define MR_SIM_FAULT_PIPE 4 // the peer ended its half, and then resets: sends are -EPIPE
#define MR_SIM_FAULT_NOBUFS 5 // a receive finds no provided buffer while the core holds some
#define MR_SIM_FAULT_MFILE 6 // no descriptor is free
#define MR_SIM_FAULT_DELAY 7 // an operation is not looked at for a while
#define MR_SIM_FAULT_REORDER 8 // a descriptor is served before others that were ready first
#define MR_SIM_FAULT_MULTISHOT_END 9 // a multishot ends though nothing is wrong
#define MR_SIM_FAULT_HALF_CLOSE 10 // the peer's half of the connection ends
#define MR_SIM_FAULT_PARTITION 11 // for a while nothing passes between the loop and the peers of a port
#define MR_SIM_FAULT_DISK_ERROR 12 // -EIO
#define MR_SIM_FAULT_TORN_WRITE 13 // a part of a write becomes durable before it is synced
#define MR_SIM_FAULT_NOMEM 14 // -ENOMEM
#define MR_SIM_FAULT_INTR 15 // a file operation is interrupted: -EINTR
#define MR_SIM_FAULTS 16

// What the simulated kernel counts.
#define MR_SIM_STAT_FAULTS 0 // 0 … SIM_FAULTS − 1: faults injected, by kind
#define MR_SIM_STAT_DESCRIPTORS 16 // open now
#define MR_SIM_STAT_OPS 17 // operations that wait
#define MR_SIM_STAT_BYTES 18 // sent and not yet received, all connections together
#define MR_SIM_STAT_TURNS 19 // enters
#define MR_SIM_STAT_IDLE 20 // waits that ended because nothing was ever going to happen
#define MR_SIM_STAT_PEERS 21 // simulated peers that are not closed
#define MR_SIM_STAT_TORN_SENDS 22 // zero-copy sends whose memory changed before it was theirs again
#define MR_SIM_STAT_HEAP_BYTES 23 // memory in use
#define MR_SIM_STATS 24

// As a WebAssembly module it shares the memory of a loop: data, stack and allocator lie here, below the arena.
#define MR_SIM_MEMORY_BASE 0x100000
#define MR_SIM_MEMORY_END 0x2100000

#endif
