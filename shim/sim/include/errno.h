// The errno numbers of Linux, for a toolchain that has others: results of the simulated kernel are those of a Linux
// machine wherever it runs. A test compares them with the host's.
#ifndef MR_SIM_ERRNO_H
#define MR_SIM_ERRNO_H

#define ENOENT 2
#define EINTR 4
#define EIO 5
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENOTDIR 20
#define EINVAL 22
#define EMFILE 24
#define EFBIG 27
#define EPIPE 32
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ETIME 62
#define EPROTO 71
#define EBADFD 77
#define EUSERS 87
#define ENOTSOCK 88
#define EMSGSIZE 90
#define ENOPROTOOPT 92
#define EPROTONOSUPPORT 93
#define EOPNOTSUPP 95
#define EAFNOSUPPORT 97
#define EADDRINUSE 98
#define ECONNRESET 104
#define ENOBUFS 105
#define EISCONN 106
#define ENOTCONN 107
#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EALREADY 114
#define EINPROGRESS 115
#define ECANCELED 125

#endif
