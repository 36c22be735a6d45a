// Immediate calls: one function per system call, results in place. SIGPIPE is never raised. Those of files are in
// transfer.c, those of datagrams in datagram.c.
#include "call.h"
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/** The sockaddr or buffer at offset a, b bytes long. */
static void *operand(const struct mr_loop *loop, const struct mr_call_record *call) {
  return mr_operand(loop, call->a, call->b);
}

static int send_flags(const struct mr_call_record *call) {
  return MSG_NOSIGNAL | MSG_DONTWAIT | (call->op & MR_CALL_MORE ? MSG_MORE : 0);
}

static int call_socket(struct mr_loop *loop, const struct mr_call_record *call) {
  int fd = socket((int)call->a, (int)call->b | SOCK_NONBLOCK | SOCK_CLOEXEC, (int)call->c);
  if (fd < 0) return -errno;
  loop->kernel->opened(loop, fd);
  return fd;
}

static int call_bind(struct mr_loop *loop, const struct mr_call_record *call) {
  void *address = operand(loop, call);
  return address ? mr_result_of(bind(call->fd, address, call->b)) : -EFAULT;
}

static int call_listen(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  return mr_result_of(listen(call->fd, (int)call->a));
}

static int call_setsockopt(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  int value = (int)call->c;
  return mr_result_of(setsockopt(call->fd, (int)call->a, (int)call->b, &value, sizeof value));
}

static int call_getsockopt(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  int value = 0;
  socklen_t bytes = sizeof value;
  int r = getsockopt(call->fd, (int)call->a, (int)call->b, &value, &bytes);
  return r < 0 ? -errno : value;
}

static int call_name(struct mr_loop *loop, const struct mr_call_record *call) {
  void *address = operand(loop, call);
  if (!address) return -EFAULT;
  socklen_t bytes = call->b;
  int r = (call->op & MR_CALL_OP_MASK) == MR_CALL_GETPEERNAME ? getpeername(call->fd, address, &bytes)
                                                              : getsockname(call->fd, address, &bytes);
  return r < 0 ? -errno : (int)bytes;
}

static int call_shutdown(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  return mr_result_of(shutdown(call->fd, (int)call->a));
}

static int call_close(struct mr_loop *loop, const struct mr_call_record *call) {
  loop->kernel->closing(loop, call->fd);
  return mr_result_of(close(call->fd));
}

static int call_send(struct mr_loop *loop, const struct mr_call_record *call) {
  const void *bytes = operand(loop, call);
  if (!bytes) return -EFAULT;
  ssize_t r;
  do r = send(call->fd, bytes, call->b, send_flags(call));
  while (r < 0 && errno == EINTR);
  return mr_result_of(r);
}

static int call_sendmsg(struct mr_loop *loop, const struct mr_call_record *call) {
  uint64_t table = (uint64_t)call->b * sizeof(struct iovec);
  if (call->a % 8 != 0 || call->a > loop->bytes || table > loop->bytes - call->a) return -EFAULT;
  struct iovec *parts = (struct iovec *)(void *)(loop->base + call->a);
  size_t count = call->b < IOV_MAX ? call->b : IOV_MAX; // more falls short, which the core continues
  for (size_t i = 0; i < count; i++)
    if (!mr_inside(loop, (uint64_t)(uintptr_t)parts[i].iov_base, parts[i].iov_len)) return -EFAULT;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
  ssize_t r;
  do r = sendmsg(call->fd, &message, send_flags(call));
  while (r < 0 && errno == EINTR);
  return mr_result_of(r);
}

static const mr_call_fn calls[] = {
    [MR_CALL_SOCKET] = call_socket,
    [MR_CALL_BIND] = call_bind,
    [MR_CALL_LISTEN] = call_listen,
    [MR_CALL_SETSOCKOPT] = call_setsockopt,
    [MR_CALL_GETSOCKOPT] = call_getsockopt,
    [MR_CALL_GETPEERNAME] = call_name,
    [MR_CALL_GETSOCKNAME] = call_name,
    [MR_CALL_SHUTDOWN] = call_shutdown,
    [MR_CALL_CLOSE] = call_close,
    [MR_CALL_SEND] = call_send,
    [MR_CALL_SENDMSG] = call_sendmsg,
    [MR_CALL_OPEN] = mr_call_open,
    [MR_CALL_REOPEN] = mr_call_reopen,
    [MR_CALL_FSTAT] = mr_call_fstat,
    [MR_CALL_PREAD] = mr_call_pread,
    [MR_CALL_PREAD_WAIT] = mr_call_pread,
    [MR_CALL_RESIDENT] = mr_call_resident,
    [MR_CALL_SENDFILE] = mr_call_sendfile,
    [MR_CALL_MMAP_SEND] = mr_call_mmap_send,
    [MR_CALL_SPLICE] = mr_call_splice,
    [MR_CALL_PIPE] = mr_call_pipe,
    [MR_CALL_SENDMMSG] = mr_call_sendmmsg,
    [MR_CALL_CONNECT] = mr_call_connect,
    [MR_CALL_SETSOCKOPT_AT] = mr_call_setsockopt_at,
};

bool mr_calls_run(struct mr_loop *loop, struct mr_call_record *records, uint32_t count) {
  return mr_calls_each(loop, records, count, calls, sizeof calls / sizeof *calls);
}
