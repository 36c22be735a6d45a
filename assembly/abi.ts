// The one owner of every number that crosses a language border: io_uring's SQE and CQE, immediate calls, the control
// block, channel records and upcalls. Plain constants, so that AssemblyScript and TypeScript import this very file;
// `make shim` turns it into shim/abi.h. Layouts are little-endian; offsets and sizes are in bytes.

/** Raised with every change of a layout below; shim and core refuse to meet with different numbers. */
export const ABI_VERSION = 3

// Kernels: who executes the SQEs.
export const KERNEL_EPOLL = 1 // level-triggered
export const KERNEL_URING = 2 // io_uring, its rings in the linear memory
export const KERNEL_URING_MAPPED = 3 // io_uring, its rings mapped by the kernel and mirrored
export const KERNEL_EPOLL_EDGE = 4 // edge-triggered
export const KERNEL_POLL = 5
export const KERNEL_SELECT = 6
export const KERNEL_SIGNAL = 7 // O_ASYNC and signalfd
export const KERNEL_SPIN = 8 // non-blocking attempts, again and again
export const KERNEL_SIM = 9 // simulated

// SQE, 64 bytes: struct io_uring_sqe of <linux/io_uring.h>.
export const SQE_BYTES = 64
export const SQE_OPCODE = 0 // u8
export const SQE_FLAGS = 1 // u8
export const SQE_IOPRIO = 2 // u16, ACCEPT_*, RECV_*
export const SQE_FD = 4 // i32
export const SQE_OFF = 8 // u64
export const SQE_ADDR = 16 // u64, host address
export const SQE_LEN = 24 // u32
export const SQE_OP_FLAGS = 28 // u32: msg, accept, poll, timeout or cancel flags
export const SQE_USER_DATA = 32 // u64
export const SQE_BUF_GROUP = 40 // u16
export const SQE_FILE_INDEX = 44 // i32

export const SQE_FLAG_IO_LINK = 4
export const SQE_FLAG_BUFFER_SELECT = 32
export const SQE_FLAG_CQE_SKIP_SUCCESS = 64

export const OP_NOP = 0
export const OP_FSYNC = 3
export const OP_POLL_ADD = 6
export const OP_SENDMSG = 9
export const OP_RECVMSG = 10
export const OP_TIMEOUT = 11
export const OP_TIMEOUT_REMOVE = 12
export const OP_ACCEPT = 13
export const OP_ASYNC_CANCEL = 14
export const OP_LINK_TIMEOUT = 15
export const OP_CONNECT = 16
export const OP_OPENAT = 18
export const OP_CLOSE = 19
export const OP_STATX = 21
export const OP_READ = 22
export const OP_WRITE = 23
export const OP_SEND = 26
export const OP_RECV = 27
export const OP_MSG_RING = 40
export const OP_SEND_ZC = 47
export const OP_SENDMSG_ZC = 48

export const ACCEPT_MULTISHOT = 1 // in ioprio
export const RECV_POLL_FIRST = 1 // in ioprio of sends and receives: do not try before the socket is ready
export const RECV_MULTISHOT = 2 // in ioprio
export const SEND_ZC_REPORT_USAGE = 8 // in ioprio
export const RECV_BUNDLE = 16 // in ioprio: one completion for several provided buffers
export const POLL_MULTISHOT = 1 // in len
export const TIMEOUT_ABS = 1
export const MSG_RING_FLAGS_PASS = 2 // the target's CQE gets SQE_FILE_INDEX as its flags
export const CANCEL_ALL = 1
export const CANCEL_FD = 2

// CQE, 16 bytes: struct io_uring_cqe.
export const CQE_BYTES = 16
export const CQE_USER_DATA = 0 // u64
export const CQE_RES = 8 // i32: ≥ 0 or −errno
export const CQE_FLAGS = 12 // u32
export const CQE_FLAG_BUFFER = 1 // buffer id in the upper 16 bits
export const CQE_FLAG_MORE = 2
export const CQE_FLAG_SOCK_NONEMPTY = 4
export const CQE_FLAG_NOTIF = 8 // of a zero-copy send: its memory is free again
export const CQE_FLAG_BUF_MORE = 16 // the buffer stays with the kernel, and is continued
export const NOTIF_COPIED = 0x80000000 // in the result of a notification: the bytes were copied after all
export const CQE_BUFFER_SHIFT = 16

// What a multishot RECVMSG writes into its buffer: struct io_uring_recvmsg_out, then as much room for the sender's
// address and for control messages as the SQE's msghdr asked for, then the payload.
export const RECVMSG_OUT_BYTES = 16
export const RECVMSG_OUT_NAME_LENGTH = 0 // u32, of the address; more than there was room for if it was cut
export const RECVMSG_OUT_CONTROL_LENGTH = 4 // u32
export const RECVMSG_OUT_PAYLOAD_LENGTH = 8 // u32; more than there was room for if it was cut and MSG_TRUNC asked for
export const RECVMSG_OUT_FLAGS = 12 // u32, MSG_*

// Provided-buffer ring: struct io_uring_buf; the ring's tail overlays the last two bytes of entry 0.
export const BUF_BYTES = 16
export const BUF_ADDR = 0 // u64
export const BUF_LEN = 8 // u32
export const BUF_ID = 12 // u16
export const BUF_RING_TAIL = 14 // u16, in entry 0
export const BUF_GROUP = 1 // the one group of a loop

// user_data: kind (bits 56–63) · generation (32–55) · slot (0–31). Kernels never look into it.
export const UD_KIND_SHIFT = 56
export const UD_GENERATION_SHIFT = 32
export const GENERATION_MASK = 0xffffff
export const KIND_ACCEPT = 1
export const KIND_RECV = 2
export const KIND_SEND = 3
export const KIND_CONNECT = 4
export const KIND_CLOSE = 5
export const KIND_CANCEL = 6
export const KIND_TIMEOUT = 7
export const KIND_FILE = 8
export const KIND_HOST = 255 // the host's own event loop has something; see CONTROL_HOST_FD

// Immediate calls: system calls executed in order at the start of `enter`, results written in place.
export const CALL_BYTES = 32
export const CALL_OP = 0 // u32
export const CALL_FD = 4 // i32
export const CALL_A = 8 // u32
export const CALL_B = 12 // u32
export const CALL_C = 16 // i64
export const CALL_RESULT = 24 // i32: ≥ 0 or −errno
export const CALL_TAG = 28 // u32, the caller's own; kernels never look into it

export const CALL_SOCKET = 1 // a = domain, b = type (NONBLOCK and CLOEXEC are added), c = protocol → fd
export const CALL_BIND = 2 // a = offset of the sockaddr, b = its length
export const CALL_LISTEN = 3 // a = backlog
export const CALL_SETSOCKOPT = 4 // a = level, b = option, c = int value
export const CALL_GETSOCKOPT = 5 // a = level, b = option → int value
export const CALL_GETPEERNAME = 6 // a = offset, b = capacity → length of the sockaddr
export const CALL_GETSOCKNAME = 7 // as GETPEERNAME
export const CALL_SHUTDOWN = 8 // a = how
export const CALL_CLOSE = 9
export const CALL_SEND = 10 // a = offset, b = length; MSG_NOSIGNAL | MSG_DONTWAIT → bytes or -EAGAIN
export const CALL_SENDMSG = 11 // a = offset of iovecs {u64 address, u64 length}, b = count, c = bytes in all; as SEND
export const CALL_OPEN = 12 // a = offset of a path, b = O_* (CLOEXEC is added), c = mode; fd = folder or AT_FDCWD → fd
export const CALL_REOPEN = 13 // → another open description of the same file, for direct reads
export const CALL_FSTAT = 14 // a = offset of a struct statx → 0
export const CALL_PREAD = 15 // a = offset, b = length, c = place in the file → bytes, or -EAGAIN: not in memory
export const CALL_PREAD_WAIT = 16 // as PREAD, but waits
export const CALL_RESIDENT = 17 // a = needed, b ≥ a = looked at, c = place → b, a or 0 lie in memory; more is fetched
export const CALL_SENDFILE = 18 // a = file, b = count, c = place → bytes, 0 at the end of the file, or -EAGAIN
export const CALL_MMAP_SEND = 19 // as SENDFILE
export const CALL_SPLICE = 20 // from a, b = count, c = place in a file or -1 for a pipe → bytes, or -EAGAIN
export const CALL_PIPE = 21 // a = offset for two i32, b = capacity wished for → its capacity
export const CALL_SENDMMSG = 22 // a = offset of struct mmsghdr, b = how many; no control data → datagrams sent
export const CALL_CONNECT = 24 // of datagrams, at once: a = offset of the sockaddr, b = its length
export const CALL_SETSOCKOPT_AT = 25 // a = level << 16 | option, b = length, c = offset of the value
// A call that moves bytes and fails or falls short keeps this `enter` from blocking, so that the core can act on it.

// … flags beside the number of a call
export const CALL_OP_MASK = 0xff
export const CALL_LINK = 0x100 // runs only if the call before it was a whole success; else its result is -ECANCELED
export const CALL_MORE = 0x200 // SEND, SENDMSG, MMAP_SEND, SPLICE: more follows, so that a packet may wait to be full

// Socket constants of Linux that the core and the loop need.
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_NONBLOCK = 0x800
export const SOCK_CLOEXEC = 0x80000
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_REUSEPORT = 15
export const IPPROTO_TCP = 6
export const TCP_NODELAY = 1
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const AT_FDCWD = -100
export const O_RDONLY = 0
export const O_NOCTTY = 0x100
export const O_NONBLOCK = 0x800
export const O_CLOEXEC = 0x80000
export const SHUT_WR = 1
export const SHUT_RDWR = 2
export const MSG_TRUNC = 0x20
export const MSG_WAITALL = 0x100
export const MSG_MORE = 0x8000
export const MSG_NOSIGNAL = 0x4000
export const S_IFMT = 0xf000
export const S_IFREG = 0x8000
export const S_IFDIR = 0x4000
export const STATX_BYTES = 256 // struct statx
export const STATX_MODE = 28 // u16
export const STATX_INO = 32 // u64
export const STATX_SIZE = 40 // u64
export const STATX_MTIME = 112 // i64 seconds, u32 nanoseconds
export const STATX_DEV = 136 // two u32: major, minor
export const STATX_DIO_ALIGN = 156 // u32, of places in a file that is read directly; 0: unknown
export const STATX_BASIC_STATS = 0x7ff
export const STATX_DIOALIGN = 0x2000
export const FSYNC_DATASYNC = 1
export const POLLIN = 1
export const POLLOUT = 4

export const EPERM = 1
export const EINTR = 4
export const EBADF = 9
export const EAGAIN = 11
export const ENOMEM = 12
export const EFAULT = 14
export const EBUSY = 16
export const EEXIST = 17
export const EINVAL = 22
export const ENFILE = 23
export const EMFILE = 24
export const EPIPE = 32
export const ERANGE = 34
export const ENOSYS = 38
export const ETIME = 62
export const EPROTO = 71
export const EOVERFLOW = 75
export const EBADFD = 77
export const EOPNOTSUPP = 95
export const ENOBUFS = 105
export const ECONNABORTED = 103
export const ECONNRESET = 104
export const ETIMEDOUT = 110
export const ECONNREFUSED = 111
export const ECANCELED = 125

// Control block: the first page of a loop's arena. Offsets in it that name places are offsets in the linear memory.
export const CONTROL_BYTES = 4096
// … written by the core before `setup`
export const CONTROL_ABI = 0 // u32, ABI_VERSION
export const CONTROL_RINGS = 4 // u32, page-aligned area for the SQ and CQ rings
export const CONTROL_RINGS_BYTES = 8 // u32, at least RINGS_BYTES_FIXED + 16 × CQ entries
export const CONTROL_SQES = 12 // u32, page-aligned
export const CONTROL_SQ_ENTRIES = 16 // u32, a power of two
export const CONTROL_CQ_ENTRIES = 20 // u32, a power of two
export const CONTROL_BUFFER_RING = 24 // u32, page-aligned
export const CONTROL_BUFFER_ENTRIES = 28 // u32, a power of two ≤ 32768
export const CONTROL_CALLS = 32 // u32
export const CONTROL_CALL_ENTRIES = 36 // u32
export const CONTROL_MEMORY_BYTES = 40 // u64, size of the linear memory; addresses outside answer −EFAULT
// … written by `setup`
export const CONTROL_BASE = 48 // u64, host address of the linear memory's first byte
export const CONTROL_KERNEL = 56 // u32, KERNEL_*
export const CONTROL_HOST_FD = 60 // i32: the core keeps a one-shot POLL_ADD of KIND_HOST on it; −1: the kernel does
export const CONTROL_SQ_HEAD = 64 // u32: where the kernel's SQ head stands, and so on
export const CONTROL_SQ_TAIL = 68
export const CONTROL_CQ_HEAD = 72
export const CONTROL_CQ_TAIL = 76
export const CONTROL_CQES = 80
export const CONTROL_BUFFER_MODE = 84 // u32, BUFFERS_*: wished by the core before `setup`, which writes what it got
export const CONTROL_FEATURES = 88 // u32, FEATURE_*
// … the core's wishes for the next `enter`
export const CONTROL_CALL_COUNT = 128 // u32, calls queued; `enter` moves it to CALLS_DONE
export const CONTROL_WAIT_MIN = 132 // u32, completions to wait for; 0: do not block
export const CONTROL_WAIT_NS = 136 // i64, −1: for ever
export const CONTROL_MIN_WAIT_NS = 148 // u32, how long to gather once something has come; 0: hand it over at once
// … written by `enter`
export const CONTROL_CALLS_DONE = 144 // u32, results that wait for the core, which sets it to 0
export const CONTROL_MONOTONIC_NS = 152 // u64, CLOCK_MONOTONIC at the end of the enter
export const CONTROL_REALTIME_MS = 160 // u64, CLOCK_REALTIME
export const CONTROL_ENTERS = 168 // u64, counters
export const CONTROL_WAITS = 176 // u64, enters that were ready to block
export const CONTROL_STALE = 184 // u64, completions dropped because their channel was gone (core)
export const CONTROL_STARVED = 192 // u64, receives that ended with ENOBUFS (core)
export const CONTROL_CHANNELS = 200 // u32, channels open, listeners included (core)
export const CONTROL_SKBS = 204 // u32, skbs that exist (core)
export const CONTROL_SIZED = 208 // u64, bytes received straight into the frame they belong to (core)
export const CONTROL_RING_FD = 320 // i32, by `setup`: what MSG_RING of another loop names this one by; −1: nothing
export const CONTROL_OVERFLOWS = 216 // u64, enters that found the CQ full and completions held back
export const CONTROL_FD_LIMIT = 352 // u32, `setup`: the kernel waits only for descriptors below this; 0: for any
export const CONTROL_FDS_REFUSED = 360 // u64, ops and accepts refused because of that limit

export const CONTROL_FILE_BYTES = 224 // u64, bytes of files handed to sockets (core)
export const CONTROL_FILE_SLICES = 232 // u64, … in so many calls (core)
export const CONTROL_FILE_COLD = 240 // u64, slices that were not in memory, and were waited for (core)
export const CONTROL_FILE_FORCED = 248 // u64, … in vain, and were sent all the same (core)

export const RINGS_BYTES_FIXED = 1024 // room for heads, tails and masks before the CQEs

// How provided buffers are used up.
export const BUFFERS_PLAIN = 0 // one receive takes a whole buffer
export const BUFFERS_INCREMENTAL = 1 // receives continue in it: CQE_FLAG_BUF_MORE

// What a kernel can do beside the subset.
export const FEATURE_SEND_SQE = 1 // sends belong into SQEs: they cost no system call of their own
export const FEATURE_BUNDLE = 2 // RECV_BUNDLE
export const FEATURE_MIN_WAIT = 4 // MIN_WAIT_NS is the kernel's own
export const FEATURE_SEND_ZC = 8
export const FEATURE_ASYNC_FILES = 16 // reads and writes of files do not block `enter`

// Below: between the core and its host alone, and not in the C header.
// Channel record, one a slot of the channel table: two cache lines, since fifteen thousand may be idle.
export const CHANNEL_BITS = 7
export const CHANNEL_BYTES = 128
export const CHANNEL_STATE = 0 // u32, STATE_*
export const CHANNEL_FLAGS = 4 // u32, FLAG_* of channel/table.ts
export const CHANNEL_FD = 8 // i32
export const CHANNEL_GENERATION = 12 // u32, 24 bits used
export const CHANNEL_ENDPOINT = 16 // u32, its endpoint record
export const CHANNEL_PARTIAL = 20 // u32, skb of bytes received and not yet decoded; 0: none
export const CHANNEL_SCAN = 24 // 4 × u32, where the decoder stands in the partial frame
export const CHANNEL_TIMER = 24 // 16 bytes, while nothing is decoded: how long it lingers, or does not accept
export const CHANNEL_QUEUE = 40 // head, tail, bytes: what is owed to the peer
export const CHANNEL_IN_FLIGHT = 52 // u32, bytes of the send under way
export const CHANNEL_NEXT_DIRTY = 56 // u32
export const CHANNEL_NEXT = 60 // u32, free list or the list the channel waits in
export const CHANNEL_OWNER = 64 // u32, the service's own
export const CHANNEL_FIRST = 68 // u32, proxy: oldest request not answered
export const CHANNEL_LAST = 72 // u32, proxy: newest request
export const CHANNEL_LINGER_MS = 68 // u32, when lingering began; there are no requests any more
export const CHANNEL_PENDING = 76 // u32, proxy: requests not answered
export const CHANNEL_SESSION = 80 // 24 bytes, SESSION_*, of channels that speak RESP
export const CHANNEL_DECODER = 80 // 24 bytes, of channels that the host handles: DECODER_BYTES of codec/abi.ts
export const CHANNEL_BYTES_IN = 104 // u64
export const CHANNEL_BYTES_OUT = 112 // u64
export const CHANNEL_SINCE_S = 120 // u32, when it was opened, in seconds since 1970
export const CHANNEL_ACTIVE_MS = 124 // u32, the lower half of when something last came

// Session, the 24 bytes at CHANNEL_SESSION: what a connection is to a keyspace.
export const SESSION_FLAGS = 0 // u32
export const SESSION_DB = 4 // u32
export const SESSION_NAME = 8 // u32, a data block; 0: none
export const SESSION_NAME_LENGTH = 12 // u32
export const SESSION_ID = 16 // u64
export const SESSION_BYTES = 24
export const SESSION_RESP3 = 1
export const SESSION_AUTHENTICATED = 2
export const SESSION_AUTH_REQUIRED = 4
export const BLOCK_HEADER_BYTES = 16 // before a data block's bytes

export const STATE_FREE = 0
export const STATE_LISTENING = 1
export const STATE_OPENING = 2
export const STATE_OPEN = 3
export const STATE_LINGERING = 4 // our side has ended; what the peer still sends is discarded
export const STATE_CLOSING = 5

// Endpoint record, 128 bytes: what the channels of one listener, or of one upstream, have in common.
export const ENDPOINT_BYTES = 128
export const ENDPOINT_SERVICE = 0 // u32, SERVICE_*
export const ENDPOINT_TARGET = 4 // u32, the kv, the proxy, …
export const ENDPOINT_HIGH = 8 // u32, high watermark in bytes: no more is decoded while more is owed
export const ENDPOINT_LOW = 12 // u32
export const ENDPOINT_LIMIT = 16 // u32, most channels
export const ENDPOINT_CHANNELS = 20 // u32, channels open
export const ENDPOINT_LISTENER = 24 // u32, slot of the listener + 1
export const ENDPOINT_DRAINING = 28 // u32
export const ENDPOINT_ACCEPTED = 32 // u64
export const ENDPOINT_REFUSED = 40 // u64, closed at once for want of a slot
export const ENDPOINT_NEXT = 56 // u32, list of endpoints
export const ENDPOINT_ID = 60 // u32, the host's own
export const ENDPOINT_CODEC = 64 // u32, the codec of channels that the host handles; the endpoint frees it
export const ENDPOINT_DATAGRAM = 88 // u32, DATAGRAM_* of datagram/abi.ts; the endpoint frees it
export const ENDPOINT_PASSWORD = 104 // u32, 1: sessions must authenticate
export const ENDPOINT_BYTES_IN = 112 // u64, of closed channels
export const ENDPOINT_BYTES_OUT = 120 // u64, of closed channels

export const SERVICE_HOST = 1 // frames go up to the host's handler
export const SERVICE_ECHO = 2
export const SERVICE_KV = 3
export const SERVICE_PROXY = 4 // a proxy's clients
export const SERVICE_UPSTREAM = 5 // a proxy's servers
export const SERVICE_DATAGRAM = 6

// Upcall record, 32 bytes: what the host is told after `run`.
export const UPCALL_BYTES = 32
export const UPCALL_KIND = 0 // u32
export const UPCALL_SLOT = 4 // u32
export const UPCALL_GENERATION = 8 // u32
export const UPCALL_ENDPOINT = 12 // u32, ENDPOINT_ID
export const UPCALL_AT = 16 // u32
export const UPCALL_LENGTH = 20 // u32
export const UPCALL_EXTRA = 24 // u64

export const UP_OPEN = 1
export const UP_FRAMES = 2 // at: the first of `length` records; valid until the turn ends, with their bytes
export const UP_WRITABLE = 3
export const UP_END = 4
export const UP_ERROR = 5 // length: error number, extra: the frame's length for decoder errors
export const UP_CLOSE = 6
export const UP_COMMAND = 7 // at: {count u32, {length u32, bytes}…} of a command for the host; extra: its request
export const UP_DRAINED = 8 // the last channel of a draining endpoint has closed
export const UP_SERVER = 9 // a proxy's server went up (length 1) or down (0); at: its index; extra: −errno
export const UP_IDLE = 10 // length: IDLE_*, a timeout of the channel that was reached; counted anew from now
export const UP_FILE = 11 // a file operation of the host is complete: at: its number; length: its result, i32
export const UP_SENT = 12 // a channel's oldest file is sent: at, extra: bytes; length: 0, or why not (errno, ERROR_*)


// How the bytes of a file get into a socket.
export const TRANSFER_AUTO = 0
export const TRANSFER_READ = 1
export const TRANSFER_MMAP = 2
export const TRANSFER_SENDFILE = 3
export const TRANSFER_SPLICE = 4
export const TRANSFER_DIRECT = 5
export const TRANSFER_OWNED = 0x100 // beside it: the descriptor is closed when the file is sent

// user_data of KIND_FILE: the slot is the number of the host's operation, or a channel whose file is read or whose
// socket is polled.
export const FILE_OPERATION = 0x40000000
export const FILE_READ = 0x20000000

// Timeouts of a channel.
export const IDLE_READ = 1 // nothing came
export const IDLE_WRITE = 2 // the socket was full, and took nothing
export const IDLE_ALL = 3 // nothing came, and nothing was sent
