// What the core and TypeScript share about sockets of datagrams: a socket's record, what lies before a payload, and the
// options of Linux that only they have. Plain constants.

// Beside the numbers of ../abi.ts: kinds of user_data, a channel's state, upcalls.
export const KIND_DATAGRAM = 9 // a multishot RECVMSG
export const KIND_DATAGRAM_SENT = 10
export const STATE_DATAGRAM = 6
export const UP_DATAGRAM = 26 // at: what RECVMSG has left in a buffer; length: bytes of the payload
export const UP_DATAGRAM_ERROR = 27 // length: errno; at: the datagram that was not sent, OUT_*, or 0; the socket lives

// A socket's record, at ENDPOINT_DATAGRAM.
export const DATAGRAM_RECVMSG = 0 // struct msghdr and an iovec: what a RECVMSG is asked for
export const DATAGRAM_COUNT = 80 // u32, datagrams of the send under way
export const DATAGRAM_DROPPED = 84 // u32, by the kernel for want of room in the socket's buffer, as it counts them
export const DATAGRAM_RECEIVED = 88 // u64
export const DATAGRAM_SENT = 96 // u64
export const DATAGRAM_TRUNCATED = 104 // u64
export const DATAGRAM_STARVED = 112 // u64, receives that ended for want of a buffer of the loop
export const DATAGRAM_SEND_ERRORS = 120 // u64, datagrams that could not be sent
export const DATAGRAM_BYTES = 128

// What RECVMSG leaves in a buffer: struct io_uring_recvmsg_out, then …
export const DATAGRAM_NAME = 16 // … the sender's sockaddr, in 32 bytes …
export const DATAGRAM_NAME_BYTES = 32
export const DATAGRAM_CONTROL = 48 // … one control message of four bytes …
export const DATAGRAM_CONTROL_BYTES = 24
export const DATAGRAM_PAYLOAD = 72 // … and the payload.

// A datagram that waits to be sent: its receiver's sockaddr, how long that is (0: the peer of a connected socket), and
// the payload.
export const OUT_NAME = 0
export const OUT_NAME_LENGTH = 28 // u32
export const OUT_PAYLOAD = 32

export const SOCK_DGRAM = 2
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_BROADCAST = 6
export const SO_RXQ_OVFL = 40
export const IPPROTO_IP = 0
export const IP_TTL = 2
export const IP_MULTICAST_IF = 32
export const IP_MULTICAST_TTL = 33
export const IP_MULTICAST_LOOP = 34
export const IP_ADD_MEMBERSHIP = 35
export const IP_DROP_MEMBERSHIP = 36
export const IPV6_UNICAST_HOPS = 16
export const IPV6_MULTICAST_IF = 17
export const IPV6_MULTICAST_HOPS = 18
export const IPV6_MULTICAST_LOOP = 19
export const IPV6_ADD_MEMBERSHIP = 20
export const IPV6_DROP_MEMBERSHIP = 21

export const EMSGSIZE = 90
/** Most bytes of a datagram: 65,535 less the headers of IPv4 and UDP, or of UDP alone. */
export const PAYLOAD_MAX_4 = 65507
export const PAYLOAD_MAX_6 = 65527
