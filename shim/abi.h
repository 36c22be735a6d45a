// Generated from assembly/abi.ts by shim/generate.mjs: edit that file and run `make shim`.
// clang-format off
#ifndef MR_ABI_H
#define MR_ABI_H

// The one owner of every number that crosses a language border: io_uring's SQE and CQE, immediate calls, the control
// block, channel records and upcalls. Plain constants, so that AssemblyScript and TypeScript import this very file;
// `make shim` turns it into shim/abi.h. Layouts are little-endian; offsets and sizes are in bytes.

// Raised with every change of a layout below; shim and core refuse to meet with different numbers.
#define MR_ABI_VERSION 3

// Kernels: who executes the SQEs.
#define MR_KERNEL_EPOLL 1 // level-triggered
#define MR_KERNEL_URING 2 // io_uring, its rings in the linear memory
#define MR_KERNEL_URING_MAPPED 3 // io_uring, its rings mapped by the kernel and mirrored
#define MR_KERNEL_EPOLL_EDGE 4 // edge-triggered
#define MR_KERNEL_POLL 5
#define MR_KERNEL_SELECT 6
#define MR_KERNEL_SIGNAL 7 // O_ASYNC and signalfd
#define MR_KERNEL_SPIN 8 // non-blocking attempts, again and again
#define MR_KERNEL_SIM 9 // simulated

// SQE, 64 bytes: struct io_uring_sqe of <linux/io_uring.h>.
#define MR_SQE_BYTES 64
#define MR_SQE_OPCODE 0 // u8
#define MR_SQE_FLAGS 1 // u8
#define MR_SQE_IOPRIO 2 // u16, ACCEPT_*, RECV_*
#define MR_SQE_FD 4 // i32
#define MR_SQE_OFF 8 // u64
#define MR_SQE_ADDR 16 // u64, host address
#define MR_SQE_LEN 24 // u32
#define MR_SQE_OP_FLAGS 28 // u32: msg, accept, poll, timeout or cancel flags
#define MR_SQE_USER_DATA 32 // u64
#define MR_SQE_BUF_GROUP 40 // u16
#define MR_SQE_FILE_INDEX 44 // i32

#define MR_SQE_FLAG_IO_LINK 4
#define MR_SQE_FLAG_BUFFER_SELECT 32
#define MR_SQE_FLAG_CQE_SKIP_SUCCESS 64

#define MR_OP_NOP 0
#define MR_OP_FSYNC 3
#define MR_OP_POLL_ADD 6
#define MR_OP_SENDMSG 9
#define MR_OP_RECVMSG 10
#define MR_OP_TIMEOUT 11
#define MR_OP_TIMEOUT_REMOVE 12
#define MR_OP_ACCEPT 13
#define MR_OP_ASYNC_CANCEL 14
#define MR_OP_LINK_TIMEOUT 15
#define MR_OP_CONNECT 16
#define MR_OP_OPENAT 18
#define MR_OP_CLOSE 19
#define MR_OP_STATX 21
#define MR_OP_READ 22
#define MR_OP_WRITE 23
#define MR_OP_SEND 26
#define MR_OP_RECV 27
#define MR_OP_MSG_RING 40
#define MR_OP_SEND_ZC 47
#define MR_OP_SENDMSG_ZC 48

#define MR_ACCEPT_MULTISHOT 1 // in ioprio
#define MR_RECV_POLL_FIRST 1 // in ioprio of sends and receives: do not try before the socket is ready
#define MR_RECV_MULTISHOT 2 // in ioprio
#define MR_SEND_ZC_REPORT_USAGE 8 // in ioprio
#define MR_RECV_BUNDLE 16 // in ioprio: one completion for several provided buffers
#define MR_POLL_MULTISHOT 1 // in len
#define MR_TIMEOUT_ABS 1
#define MR_MSG_RING_FLAGS_PASS 2 // the target's CQE gets SQE_FILE_INDEX as its flags
#define MR_CANCEL_ALL 1
#define MR_CANCEL_FD 2

// CQE, 16 bytes: struct io_uring_cqe.
#define MR_CQE_BYTES 16
#define MR_CQE_USER_DATA 0 // u64
#define MR_CQE_RES 8 // i32: ≥ 0 or −errno
#define MR_CQE_FLAGS 12 // u32
#define MR_CQE_FLAG_BUFFER 1 // buffer id in the upper 16 bits
#define MR_CQE_FLAG_MORE 2
#define MR_CQE_FLAG_SOCK_NONEMPTY 4
#define MR_CQE_FLAG_NOTIF 8 // of a zero-copy send: its memory is free again
#define MR_CQE_FLAG_BUF_MORE 16 // the buffer stays with the kernel, and is continued
#define MR_NOTIF_COPIED 0x80000000 // in the result of a notification: the bytes were copied after all
#define MR_CQE_BUFFER_SHIFT 16

// What a multishot RECVMSG writes into its buffer: struct io_uring_recvmsg_out, then as much room for the sender's
// address and for control messages as the SQE's msghdr asked for, then the payload.
#define MR_RECVMSG_OUT_BYTES 16
#define MR_RECVMSG_OUT_NAME_LENGTH 0 // u32, of the address; more than there was room for if it was cut
#define MR_RECVMSG_OUT_CONTROL_LENGTH 4 // u32
#define MR_RECVMSG_OUT_PAYLOAD_LENGTH 8 // u32; more than there was room for if it was cut and MSG_TRUNC asked for
#define MR_RECVMSG_OUT_FLAGS 12 // u32, MSG_*

// Provided-buffer ring: struct io_uring_buf; the ring's tail overlays the last two bytes of entry 0.
#define MR_BUF_BYTES 16
#define MR_BUF_ADDR 0 // u64
#define MR_BUF_LEN 8 // u32
#define MR_BUF_ID 12 // u16
#define MR_BUF_RING_TAIL 14 // u16, in entry 0
#define MR_BUF_GROUP 1 // the one group of a loop

// user_data: kind (bits 56–63) · generation (32–55) · slot (0–31). Kernels never look into it.
#define MR_UD_KIND_SHIFT 56
#define MR_UD_GENERATION_SHIFT 32
#define MR_GENERATION_MASK 0xffffff
#define MR_KIND_ACCEPT 1
#define MR_KIND_RECV 2
#define MR_KIND_SEND 3
#define MR_KIND_CONNECT 4
#define MR_KIND_CLOSE 5
#define MR_KIND_CANCEL 6
#define MR_KIND_TIMEOUT 7
#define MR_KIND_FILE 8
#define MR_KIND_HOST 255 // the host's own event loop has something; see CONTROL_HOST_FD

// Immediate calls: system calls executed in order at the start of `enter`, results written in place.
#define MR_CALL_BYTES 32
#define MR_CALL_OP 0 // u32
#define MR_CALL_FD 4 // i32
#define MR_CALL_A 8 // u32
#define MR_CALL_B 12 // u32
#define MR_CALL_C 16 // i64
#define MR_CALL_RESULT 24 // i32: ≥ 0 or −errno
#define MR_CALL_TAG 28 // u32, the caller's own; kernels never look into it

#define MR_CALL_SOCKET 1 // a = domain, b = type (NONBLOCK and CLOEXEC are added), c = protocol → fd
#define MR_CALL_BIND 2 // a = offset of the sockaddr, b = its length
#define MR_CALL_LISTEN 3 // a = backlog
#define MR_CALL_SETSOCKOPT 4 // a = level, b = option, c = int value
#define MR_CALL_GETSOCKOPT 5 // a = level, b = option → int value
#define MR_CALL_GETPEERNAME 6 // a = offset, b = capacity → length of the sockaddr
#define MR_CALL_GETSOCKNAME 7 // as GETPEERNAME
#define MR_CALL_SHUTDOWN 8 // a = how
#define MR_CALL_CLOSE 9
#define MR_CALL_SEND 10 // a = offset, b = length; MSG_NOSIGNAL | MSG_DONTWAIT → bytes or -EAGAIN
#define MR_CALL_SENDMSG 11 // a = offset of iovecs {u64 address, u64 length}, b = count, c = bytes in all; as SEND
#define MR_CALL_OPEN 12 // a = offset of a path, b = O_* (CLOEXEC is added), c = mode; fd = folder or AT_FDCWD → fd
#define MR_CALL_REOPEN 13 // → another open description of the same file, for direct reads
#define MR_CALL_FSTAT 14 // a = offset of a struct statx → 0
#define MR_CALL_PREAD 15 // a = offset, b = length, c = place in the file → bytes, or -EAGAIN: not in memory
#define MR_CALL_PREAD_WAIT 16 // as PREAD, but waits
#define MR_CALL_RESIDENT 17 // a = needed, b ≥ a = looked at, c = place → b, a or 0 lie in memory; more is fetched
#define MR_CALL_SENDFILE 18 // a = file, b = count, c = place → bytes, 0 at the end of the file, or -EAGAIN
#define MR_CALL_MMAP_SEND 19 // as SENDFILE
#define MR_CALL_SPLICE 20 // from a, b = count, c = place in a file or -1 for a pipe → bytes, or -EAGAIN
#define MR_CALL_PIPE 21 // a = offset for two i32, b = capacity wished for → its capacity
#define MR_CALL_SENDMMSG 22 // a = offset of struct mmsghdr, b = how many; no control data → datagrams sent
#define MR_CALL_CONNECT 24 // of datagrams, at once: a = offset of the sockaddr, b = its length
#define MR_CALL_SETSOCKOPT_AT 25 // a = level << 16 | option, b = length, c = offset of the value
// A call that moves bytes and fails or falls short keeps this `enter` from blocking, so that the core can act on it.

// … flags beside the number of a call
#define MR_CALL_OP_MASK 0xff
#define MR_CALL_LINK 0x100 // runs only if the call before it was a whole success; else its result is -ECANCELED
#define MR_CALL_MORE 0x200 // SEND, SENDMSG, MMAP_SEND, SPLICE: more follows, so that a packet may wait to be full

// Socket constants of Linux that the core and the loop need.
#define MR_AF_UNIX 1
#define MR_AF_INET 2
#define MR_AF_INET6 10
#define MR_SOCK_STREAM 1
#define MR_SOCK_NONBLOCK 0x800
#define MR_SOCK_CLOEXEC 0x80000
#define MR_SOL_SOCKET 1
#define MR_SO_REUSEADDR 2
#define MR_SO_REUSEPORT 15
#define MR_IPPROTO_TCP 6
#define MR_TCP_NODELAY 1
#define MR_IPPROTO_IPV6 41
#define MR_IPV6_V6ONLY 26
#define MR_AT_FDCWD (-100)
#define MR_O_RDONLY 0
#define MR_O_NOCTTY 0x100
#define MR_O_NONBLOCK 0x800
#define MR_O_CLOEXEC 0x80000
#define MR_SHUT_WR 1
#define MR_SHUT_RDWR 2
#define MR_MSG_TRUNC 0x20
#define MR_MSG_WAITALL 0x100
#define MR_MSG_MORE 0x8000
#define MR_MSG_NOSIGNAL 0x4000
#define MR_S_IFMT 0xf000
#define MR_S_IFREG 0x8000
#define MR_S_IFDIR 0x4000
#define MR_STATX_BYTES 256 // struct statx
#define MR_STATX_MODE 28 // u16
#define MR_STATX_INO 32 // u64
#define MR_STATX_SIZE 40 // u64
#define MR_STATX_MTIME 112 // i64 seconds, u32 nanoseconds
#define MR_STATX_DEV 136 // two u32: major, minor
#define MR_STATX_DIO_ALIGN 156 // u32, of places in a file that is read directly; 0: unknown
#define MR_STATX_BASIC_STATS 0x7ff
#define MR_STATX_DIOALIGN 0x2000
#define MR_FSYNC_DATASYNC 1
#define MR_POLLIN 1
#define MR_POLLOUT 4

#define MR_EPERM 1
#define MR_EINTR 4
#define MR_EBADF 9
#define MR_EAGAIN 11
#define MR_ENOMEM 12
#define MR_EFAULT 14
#define MR_EBUSY 16
#define MR_EEXIST 17
#define MR_EINVAL 22
#define MR_ENFILE 23
#define MR_EMFILE 24
#define MR_EPIPE 32
#define MR_ERANGE 34
#define MR_ENOSYS 38
#define MR_ETIME 62
#define MR_EPROTO 71
#define MR_EOVERFLOW 75
#define MR_EBADFD 77
#define MR_EOPNOTSUPP 95
#define MR_ENOBUFS 105
#define MR_ECONNABORTED 103
#define MR_ECONNRESET 104
#define MR_ETIMEDOUT 110
#define MR_ECONNREFUSED 111
#define MR_ECANCELED 125

// Control block: the first page of a loop's arena. Offsets in it that name places are offsets in the linear memory.
#define MR_CONTROL_BYTES 4096
// … written by the core before `setup`
#define MR_CONTROL_ABI 0 // u32, ABI_VERSION
#define MR_CONTROL_RINGS 4 // u32, page-aligned area for the SQ and CQ rings
#define MR_CONTROL_RINGS_BYTES 8 // u32, at least RINGS_BYTES_FIXED + 16 × CQ entries
#define MR_CONTROL_SQES 12 // u32, page-aligned
#define MR_CONTROL_SQ_ENTRIES 16 // u32, a power of two
#define MR_CONTROL_CQ_ENTRIES 20 // u32, a power of two
#define MR_CONTROL_BUFFER_RING 24 // u32, page-aligned
#define MR_CONTROL_BUFFER_ENTRIES 28 // u32, a power of two ≤ 32768
#define MR_CONTROL_CALLS 32 // u32
#define MR_CONTROL_CALL_ENTRIES 36 // u32
#define MR_CONTROL_MEMORY_BYTES 40 // u64, size of the linear memory; addresses outside answer −EFAULT
// … written by `setup`
#define MR_CONTROL_BASE 48 // u64, host address of the linear memory's first byte
#define MR_CONTROL_KERNEL 56 // u32, KERNEL_*
#define MR_CONTROL_HOST_FD 60 // i32: the core keeps a one-shot POLL_ADD of KIND_HOST on it; −1: the kernel does
#define MR_CONTROL_SQ_HEAD 64 // u32: where the kernel's SQ head stands, and so on
#define MR_CONTROL_SQ_TAIL 68
#define MR_CONTROL_CQ_HEAD 72
#define MR_CONTROL_CQ_TAIL 76
#define MR_CONTROL_CQES 80
#define MR_CONTROL_BUFFER_MODE 84 // u32, BUFFERS_*: wished by the core before `setup`, which writes what it got
#define MR_CONTROL_FEATURES 88 // u32, FEATURE_*
// … the core's wishes for the next `enter`
#define MR_CONTROL_CALL_COUNT 128 // u32, calls queued; `enter` moves it to CALLS_DONE
#define MR_CONTROL_WAIT_MIN 132 // u32, completions to wait for; 0: do not block
#define MR_CONTROL_WAIT_NS 136 // i64, −1: for ever
#define MR_CONTROL_MIN_WAIT_NS 148 // u32, how long to gather once something has come; 0: hand it over at once
// … written by `enter`
#define MR_CONTROL_CALLS_DONE 144 // u32, results that wait for the core, which sets it to 0
#define MR_CONTROL_MONOTONIC_NS 152 // u64, CLOCK_MONOTONIC at the end of the enter
#define MR_CONTROL_REALTIME_MS 160 // u64, CLOCK_REALTIME
#define MR_CONTROL_ENTERS 168 // u64, counters
#define MR_CONTROL_WAITS 176 // u64, enters that were ready to block
#define MR_CONTROL_STALE 184 // u64, completions dropped because their channel was gone (core)
#define MR_CONTROL_STARVED 192 // u64, receives that ended with ENOBUFS (core)
#define MR_CONTROL_CHANNELS 200 // u32, channels open, listeners included (core)
#define MR_CONTROL_SKBS 204 // u32, skbs that exist (core)
#define MR_CONTROL_SIZED 208 // u64, bytes received straight into the frame they belong to (core)
#define MR_CONTROL_RING_FD 320 // i32, by `setup`: what MSG_RING of another loop names this one by; −1: nothing
#define MR_CONTROL_OVERFLOWS 216 // u64, enters that found the CQ full and completions held back
#define MR_CONTROL_FD_LIMIT 352 // u32, `setup`: the kernel waits only for descriptors below this; 0: for any
#define MR_CONTROL_FDS_REFUSED 360 // u64, ops and accepts refused because of that limit

#define MR_CONTROL_FILE_BYTES 224 // u64, bytes of files handed to sockets (core)
#define MR_CONTROL_FILE_SLICES 232 // u64, … in so many calls (core)
#define MR_CONTROL_FILE_COLD 240 // u64, slices that were not in memory, and were waited for (core)
#define MR_CONTROL_FILE_FORCED 248 // u64, … in vain, and were sent all the same (core)

#define MR_RINGS_BYTES_FIXED 1024 // room for heads, tails and masks before the CQEs

// How provided buffers are used up.
#define MR_BUFFERS_PLAIN 0 // one receive takes a whole buffer
#define MR_BUFFERS_INCREMENTAL 1 // receives continue in it: CQE_FLAG_BUF_MORE

// What a kernel can do beside the subset.
#define MR_FEATURE_SEND_SQE 1 // sends belong into SQEs: they cost no system call of their own
#define MR_FEATURE_BUNDLE 2 // RECV_BUNDLE
#define MR_FEATURE_MIN_WAIT 4 // MIN_WAIT_NS is the kernel's own
#define MR_FEATURE_SEND_ZC 8
#define MR_FEATURE_ASYNC_FILES 16 // reads and writes of files do not block `enter`

#endif
