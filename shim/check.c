// Proof at compile time that our numbers are the kernel's: nothing here runs.
#include "shim.h"
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#define MR_HAVE_URING_HEADER
#endif

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is not " #theirs)
#define PLACE(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)

SAME(sizeof(struct mr_sqe), MR_SQE_BYTES);
PLACE(struct mr_sqe, opcode, MR_SQE_OPCODE);
PLACE(struct mr_sqe, flags, MR_SQE_FLAGS);
PLACE(struct mr_sqe, ioprio, MR_SQE_IOPRIO);
PLACE(struct mr_sqe, fd, MR_SQE_FD);
PLACE(struct mr_sqe, off, MR_SQE_OFF);
PLACE(struct mr_sqe, addr, MR_SQE_ADDR);
PLACE(struct mr_sqe, len, MR_SQE_LEN);
PLACE(struct mr_sqe, op_flags, MR_SQE_OP_FLAGS);
PLACE(struct mr_sqe, user_data, MR_SQE_USER_DATA);
PLACE(struct mr_sqe, buf_group, MR_SQE_BUF_GROUP);
PLACE(struct mr_sqe, file_index, MR_SQE_FILE_INDEX);
SAME(sizeof(struct mr_cqe), MR_CQE_BYTES);
PLACE(struct mr_cqe, user_data, MR_CQE_USER_DATA);
PLACE(struct mr_cqe, res, MR_CQE_RES);
PLACE(struct mr_cqe, flags, MR_CQE_FLAGS);
SAME(sizeof(struct mr_buf), MR_BUF_BYTES);
PLACE(struct mr_buf, addr, MR_BUF_ADDR);
PLACE(struct mr_buf, len, MR_BUF_LEN);
PLACE(struct mr_buf, id, MR_BUF_ID);
PLACE(struct mr_buf, tail, MR_BUF_RING_TAIL);
SAME(sizeof(struct mr_call_record), MR_CALL_BYTES);
PLACE(struct mr_call_record, op, MR_CALL_OP);
PLACE(struct mr_call_record, fd, MR_CALL_FD);
PLACE(struct mr_call_record, a, MR_CALL_A);
PLACE(struct mr_call_record, b, MR_CALL_B);
PLACE(struct mr_call_record, c, MR_CALL_C);
PLACE(struct mr_call_record, result, MR_CALL_RESULT);
PLACE(struct mr_call_record, tag, MR_CALL_TAG);

#ifdef MR_HAVE_URING_HEADER
SAME(sizeof(struct io_uring_sqe), MR_SQE_BYTES);
PLACE(struct io_uring_sqe, opcode, MR_SQE_OPCODE);
PLACE(struct io_uring_sqe, flags, MR_SQE_FLAGS);
PLACE(struct io_uring_sqe, ioprio, MR_SQE_IOPRIO);
PLACE(struct io_uring_sqe, fd, MR_SQE_FD);
PLACE(struct io_uring_sqe, off, MR_SQE_OFF);
PLACE(struct io_uring_sqe, addr, MR_SQE_ADDR);
PLACE(struct io_uring_sqe, len, MR_SQE_LEN);
PLACE(struct io_uring_sqe, msg_flags, MR_SQE_OP_FLAGS);
PLACE(struct io_uring_sqe, user_data, MR_SQE_USER_DATA);
PLACE(struct io_uring_sqe, buf_group, MR_SQE_BUF_GROUP);
PLACE(struct io_uring_sqe, splice_fd_in, MR_SQE_FILE_INDEX);
SAME(sizeof(struct io_uring_cqe), MR_CQE_BYTES);
PLACE(struct io_uring_cqe, user_data, MR_CQE_USER_DATA);
PLACE(struct io_uring_cqe, res, MR_CQE_RES);
PLACE(struct io_uring_cqe, flags, MR_CQE_FLAGS);
SAME(sizeof(struct io_uring_buf), MR_BUF_BYTES);
PLACE(struct io_uring_buf, addr, MR_BUF_ADDR);
PLACE(struct io_uring_buf, len, MR_BUF_LEN);
PLACE(struct io_uring_buf, bid, MR_BUF_ID);
PLACE(struct io_uring_buf, resv, MR_BUF_RING_TAIL);
SAME(MR_OP_NOP, IORING_OP_NOP);
SAME(MR_OP_FSYNC, IORING_OP_FSYNC);
SAME(MR_OP_POLL_ADD, IORING_OP_POLL_ADD);
SAME(MR_OP_SENDMSG, IORING_OP_SENDMSG);
SAME(MR_OP_RECVMSG, IORING_OP_RECVMSG);
SAME(MR_OP_TIMEOUT, IORING_OP_TIMEOUT);
SAME(MR_OP_TIMEOUT_REMOVE, IORING_OP_TIMEOUT_REMOVE);
SAME(MR_OP_ACCEPT, IORING_OP_ACCEPT);
SAME(MR_OP_ASYNC_CANCEL, IORING_OP_ASYNC_CANCEL);
SAME(MR_OP_LINK_TIMEOUT, IORING_OP_LINK_TIMEOUT);
SAME(MR_OP_CONNECT, IORING_OP_CONNECT);
SAME(MR_OP_OPENAT, IORING_OP_OPENAT);
SAME(MR_OP_CLOSE, IORING_OP_CLOSE);
SAME(MR_OP_STATX, IORING_OP_STATX);
SAME(MR_OP_READ, IORING_OP_READ);
SAME(MR_OP_WRITE, IORING_OP_WRITE);
SAME(MR_OP_SEND, IORING_OP_SEND);
SAME(MR_OP_RECV, IORING_OP_RECV);
SAME(MR_SQE_FLAG_IO_LINK, IOSQE_IO_LINK);
SAME(MR_SQE_FLAG_BUFFER_SELECT, IOSQE_BUFFER_SELECT);
SAME(MR_SQE_FLAG_CQE_SKIP_SUCCESS, IOSQE_CQE_SKIP_SUCCESS);
SAME(MR_ACCEPT_MULTISHOT, IORING_ACCEPT_MULTISHOT);
SAME(MR_RECV_MULTISHOT, IORING_RECV_MULTISHOT);
SAME(MR_POLL_MULTISHOT, IORING_POLL_ADD_MULTI);
SAME(MR_TIMEOUT_ABS, IORING_TIMEOUT_ABS);
SAME(MR_CANCEL_ALL, IORING_ASYNC_CANCEL_ALL);
SAME(MR_CANCEL_FD, IORING_ASYNC_CANCEL_FD);
SAME(MR_CQE_FLAG_BUFFER, IORING_CQE_F_BUFFER);
SAME(MR_CQE_FLAG_MORE, IORING_CQE_F_MORE);
SAME(MR_CQE_FLAG_SOCK_NONEMPTY, IORING_CQE_F_SOCK_NONEMPTY);
SAME(MR_CQE_BUFFER_SHIFT, IORING_CQE_BUFFER_SHIFT);
#endif

SAME(MR_AF_UNIX, AF_UNIX);
SAME(MR_AF_INET, AF_INET);
SAME(MR_AF_INET6, AF_INET6);
SAME(MR_SOCK_STREAM, SOCK_STREAM);
SAME(MR_SOCK_NONBLOCK, SOCK_NONBLOCK);
SAME(MR_SOCK_CLOEXEC, SOCK_CLOEXEC);
SAME(MR_SOL_SOCKET, SOL_SOCKET);
SAME(MR_SO_REUSEADDR, SO_REUSEADDR);
SAME(MR_SO_REUSEPORT, SO_REUSEPORT);
SAME(MR_IPPROTO_TCP, IPPROTO_TCP);
SAME(MR_TCP_NODELAY, TCP_NODELAY);
SAME(MR_IPPROTO_IPV6, IPPROTO_IPV6);
SAME(MR_IPV6_V6ONLY, IPV6_V6ONLY);
SAME(MR_SHUT_WR, SHUT_WR);
SAME(MR_SHUT_RDWR, SHUT_RDWR);
SAME(MR_MSG_WAITALL, MSG_WAITALL);
SAME(MR_MSG_NOSIGNAL, MSG_NOSIGNAL);
SAME(MR_POLLIN, POLLIN);
SAME(MR_POLLOUT, POLLOUT);

SAME(MR_EPERM, EPERM);
SAME(MR_EINTR, EINTR);
SAME(MR_EBADF, EBADF);
SAME(MR_EAGAIN, EAGAIN);
SAME(MR_ENOMEM, ENOMEM);
SAME(MR_EFAULT, EFAULT);
SAME(MR_EINVAL, EINVAL);
SAME(MR_ENFILE, ENFILE);
SAME(MR_EMFILE, EMFILE);
SAME(MR_EPIPE, EPIPE);
SAME(MR_ETIME, ETIME);
SAME(MR_EPROTO, EPROTO);
SAME(MR_ENOBUFS, ENOBUFS);
SAME(MR_ECONNABORTED, ECONNABORTED);
SAME(MR_ECONNRESET, ECONNRESET);
SAME(MR_ETIMEDOUT, ETIMEDOUT);
SAME(MR_ECONNREFUSED, ECONNREFUSED);
SAME(MR_ECANCELED, ECANCELED);
