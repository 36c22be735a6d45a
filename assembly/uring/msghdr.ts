// struct msghdr of 64-bit Linux, as sends and receives of messages are asked for (recvmsg(2)).

export const MSGHDR_NAME: usize = 0 // u64, address
export const MSGHDR_NAMELEN: usize = 8 // u32
export const MSGHDR_IOV: usize = 16 // u64, address
export const MSGHDR_IOVLEN: usize = 24 // u64
export const MSGHDR_CONTROLLEN: usize = 40 // u64
/** Its 56 bytes, rounded up to iovecs; with the length behind it, a struct mmsghdr is as large. */
export const MSGHDR_BYTES: usize = 64
