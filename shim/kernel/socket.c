// Attempts at sockets. Each is one non-blocking system call, or a bounded few for a multishot.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ACCEPTS_PER_EVENT 64
#define RECEIVES_PER_EVENT 8
#define SCATTER_MAX 2 // buffers of one receive

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

/** The system calls without a flag for one attempt need a non-blocking socket. */
static int make_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  return flags & O_NONBLOCK || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

// Accept

int mr_try_accept(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  if (!(op->state & MR_OP_STARTED)) {
    int error = make_nonblocking(op->fd);
    if (error < 0) return error;
  }
  for (int budget = ACCEPTS_PER_EVENT; budget > 0 && mr_room(r); budget--) {
    int fd;
    if (r->poller->fd_limit) {
      fd = mr_limit_accept(r, op);
      if (fd < 0) return fd == -EAGAIN ? MR_WAIT : fd;
    } else {
      do fd = accept4(op->fd, NULL, NULL, (int)op->op_flags);
      while (fd < 0 && errno == EINTR);
      if (fd < 0) return would_block() ? MR_WAIT : -errno;
    }
    mr_readiness_opened(r->loop, fd);
    mr_know_socket(r, fd);
    if (!op->multishot) return fd;
    mr_post(r, op->user_data, fd, MR_CQE_FLAG_MORE);
  }
  r->rest = MR_REST_PERHAPS;
  return MR_WAIT;
}

// Connect

int mr_try_connect(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  if (!(op->state & MR_OP_STARTED)) {
    int error = make_nonblocking(op->fd);
    if (error < 0) return error;
    if (connect(op->fd, mr_pointer(op->addr), op->len) == 0) return 0;
    return errno == EINPROGRESS || errno == EINTR ? MR_WAIT : -errno;
  }
  struct pollfd now = {op->fd, POLLOUT, 0};
  if (poll(&now, 1, 0) == 0) return MR_WAIT; // an event of the time before connect
  int error = 0;
  socklen_t bytes = sizeof error;
  if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0) return -errno;
  if (error == 0) mr_know_socket(r, op->fd);
  return -error;
}

// Receive

const struct mr_buf *mr_next_buffer(const struct mr_readiness *r) {
  const struct mr_loop *loop = r->loop;
  if (!loop->buffers || __atomic_load_n(&loop->buffers->tail, __ATOMIC_ACQUIRE) == r->buffer_head) return NULL;
  return &loop->buffers[r->buffer_head & loop->buffer_mask];
}

static ssize_t receive(int fd, void *bytes, size_t len, uint32_t flags) {
  ssize_t n;
  do n = recv(fd, bytes, len, (int)(flags & ~(uint32_t)MSG_WAITALL) | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n;
}

/**
 * Without a buffer the socket is not asked, but what is no socket is still said. A poller that may be wrong, or whose
 * word is old, is asked again: an op that waits must not end for bytes that are not there.
 */
int mr_without_buffer(const struct mr_readiness *r, const struct mr_op *op) {
  if (op->state & MR_OP_WAITING && (r->poller->hints || r->poller->edge)) {
    struct pollfd now = {op->fd, POLLIN, 0};
    if (poll(&now, 1, 0) == 0) return MR_WAIT;
  }
  int type;
  socklen_t bytes = sizeof type;
  return getsockopt(op->fd, SOL_SOCKET, SO_TYPE, &type, &bytes) < 0 ? -errno : -ENOBUFS;
}

bool mr_streams(int fd) {
  int type;
  socklen_t bytes = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && (type == SOCK_STREAM || type == SOCK_SEQPACKET);
}

/** One receive into a provided buffer. Negative: nothing was taken. */
static int receive_selected(struct mr_readiness *r, const struct mr_op *op, uint32_t *cqe_flags, bool *filled) {
  const struct mr_buf *buffer = mr_next_buffer(r);
  if (!buffer) return mr_without_buffer(r, op);
  uint32_t len = op->len && op->len < buffer->len ? op->len : buffer->len, id = buffer->id;
  if (!len || !mr_inside(r->loop, buffer->addr, len)) return -EFAULT;
  ssize_t n = receive(op->fd, mr_pointer(buffer->addr), len, op->op_flags);
  if (n < 0) return would_block() && !(op->op_flags & MSG_DONTWAIT) ? MR_WAIT : -errno;
  if (n == 0) return 0; // the end of the stream leaves the buffer where it is
  r->buffer_head++;
  *cqe_flags = MR_CQE_FLAG_BUFFER | id << MR_CQE_BUFFER_SHIFT;
  *filled = (uint32_t)n == len;
  return (int)n;
}

// What a multishot receive remembers in op->multishot, above the bit of ioprio that it came with
#define LARGE 16   // the last receive filled its buffer
#define LOOKED 32  // the kind of the socket is known
#define STREAMS 64 // … and its bytes may be cut anywhere

static bool has_stream(struct mr_op *op) {
  if (!(op->multishot & LOOKED)) {
    int type;
    socklen_t bytes = sizeof type;
    bool streams = getsockopt(op->fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_STREAM;
    op->multishot |= streams ? LOOKED | STREAMS : LOOKED;
  }
  return op->multishot & STREAMS;
}

/**
 * Whether one receive may fill several buffers: so the end of what is there shows as a short count, where a buffer that
 * is just full would take a second system call to learn that nothing is left.
 */
static bool may_scatter(struct mr_op *op) {
  return op->multishot & LARGE && !op->len && !op->op_flags && has_stream(op);
}

/** One receive into as many of the next buffers as are there and allowed, a CQE for each → as receive_selected. */
static int receive_scattered(struct mr_readiness *r, struct mr_op *op, bool *filled) {
  struct iovec parts[SCATTER_MAX];
  uint16_t ids[SCATTER_MAX];
  size_t count = 0, wanted = 0;
  uint16_t head = r->buffer_head;
  for (const struct mr_buf *buffer; count < SCATTER_MAX && (buffer = mr_next_buffer(r)); r->buffer_head++) {
    if (!buffer->len || !mr_inside(r->loop, buffer->addr, buffer->len)) break;
    ids[count] = buffer->id;
    parts[count++] = (struct iovec){mr_pointer(buffer->addr), buffer->len};
    wanted += buffer->len;
  }
  r->buffer_head = head;
  if (!count) return mr_next_buffer(r) ? -EFAULT : mr_without_buffer(r, op);
  struct msghdr header = {.msg_iov = parts, .msg_iovlen = count};
  ssize_t n;
  do n = recvmsg(op->fd, &header, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return n == 0 ? 0 : would_block() ? MR_WAIT : -errno;
  *filled = (size_t)n == wanted;
  if ((size_t)n < parts[0].iov_len) op->multishot &= (uint8_t)~LARGE;
  size_t left = (size_t)n;
  for (size_t i = 0; left; i++) {
    size_t part = left < parts[i].iov_len ? left : parts[i].iov_len;
    r->buffer_head++;
    mr_post(r, op->user_data, (int)part,
            MR_CQE_FLAG_BUFFER | MR_CQE_FLAG_MORE | (uint32_t)ids[i] << MR_CQE_BUFFER_SHIFT);
    left -= part;
  }
  return (int)n;
}

/**
 * A socket that has proved to be one is not tried at submission: the poller reports what is there, and the attempt is
 * a wasted call on most new connections. A strange fd is tried, so that a mistake is answered at once.
 */
static int receive_multishot(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  const struct mr_record *record = mr_record_at(r, op->fd);
  bool told = r->poller->edge && record && record->armed & POLLIN; // and will not tell again
  if (!(op->state & MR_OP_STARTED) && record && record->flags & MR_FD_SOCKET && !told)
    return mr_next_buffer(r) ? MR_WAIT : -ENOBUFS;
  bool filled = true;
  for (int budget = RECEIVES_PER_EVENT; budget > 0 && filled && mr_room(r); budget--) {
    if (may_scatter(op)) {
      int n = receive_scattered(r, op, &filled);
      if (n <= 0) return n;
    } else {
      int n = receive_selected(r, op, cqe_flags, &filled);
      if (n <= 0) return n;
      mr_post(r, op->user_data, n, *cqe_flags | MR_CQE_FLAG_MORE);
      *cqe_flags = 0;
      if (filled) op->multishot |= LARGE;
    }
    if (!mr_next_buffer(r)) break; // if there is more, the poller says so: then it is -ENOBUFS
  }
  // a short message says nothing of the next one
  r->rest = filled || (r->poller->edge && !has_stream(op)) ? MR_REST_PERHAPS : MR_REST_SHORT;
  return MR_WAIT;
}

int mr_try_recv(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  if (op->multishot) return receive_multishot(r, op, cqe_flags);
  bool filled;
  if (op->flags & MR_SQE_FLAG_BUFFER_SELECT) return receive_selected(r, op, cqe_flags, &filled);
  for (;;) {
    ssize_t n = receive(op->fd, mr_pointer(op->addr + op->done), op->len - op->done, op->op_flags);
    if (n < 0 && would_block() && !(op->op_flags & MSG_DONTWAIT)) return MR_WAIT;
    if (n < 0) return op->done ? (int)op->done : -errno;
    op->done += (uint32_t)n;
    if (n == 0 || op->done == op->len || !(op->op_flags & MSG_WAITALL) || !mr_streams(op->fd)) return (int)op->done;
  }
}

// Send: tried at once; what does not fit waits for writability

static int sent(struct mr_op *op, ssize_t n, uint64_t wanted) {
  if (n < 0 && would_block() && !(op->op_flags & MSG_DONTWAIT)) return MR_WAIT;
  if (n < 0) return op->done ? (int)op->done : -errno;
  op->done += (uint32_t)n;
  return (uint64_t)n < wanted && op->op_flags & MSG_WAITALL ? MR_WAIT : (int)op->done;
}

int mr_try_send(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  ssize_t n;
  size_t wanted = op->len - op->done;
  int flags = (int)(op->op_flags & ~(uint32_t)MSG_WAITALL) | MSG_NOSIGNAL | MSG_DONTWAIT;
  do n = send(op->fd, mr_pointer(op->addr + op->done), wanted, flags);
  while (n < 0 && errno == EINTR);
  return sent(op, n, wanted);
}

// Sendmsg: the rest of a message that has to wait is our own copy, advanced as it goes out.

struct message {
  struct msghdr header;
  struct sockaddr_storage name;
  struct iovec parts[];
};

int mr_message_check(const struct mr_readiness *r, const struct mr_op *op) {
  const struct mr_loop *loop = r->loop;
  if (!mr_inside(loop, op->addr, sizeof(struct msghdr)) || op->addr % 8) return -EFAULT;
  const struct msghdr *header = mr_pointer(op->addr);
  uint64_t parts = (uint64_t)(uintptr_t)header->msg_iov;
  if (header->msg_iovlen > IOV_MAX) return -EMSGSIZE;
  if (header->msg_control || header->msg_controllen || header->msg_namelen > sizeof(struct sockaddr_storage))
    return -EINVAL;
  if (header->msg_iovlen && (parts % 8 || !mr_inside(loop, parts, header->msg_iovlen * sizeof(struct iovec))))
    return -EFAULT;
  if (header->msg_name && !mr_inside(loop, (uint64_t)(uintptr_t)header->msg_name, header->msg_namelen)) return -EFAULT;
  for (size_t i = 0; i < header->msg_iovlen; i++)
    if (!mr_inside(loop, (uint64_t)(uintptr_t)header->msg_iov[i].iov_base, header->msg_iov[i].iov_len)) return -EFAULT;
  return 0;
}

int mr_message_keep(struct mr_op *op) {
  const struct msghdr *from = mr_pointer(op->addr);
  size_t parts_bytes = from->msg_iovlen * sizeof(struct iovec);
  struct message *copy = malloc(sizeof *copy + parts_bytes);
  if (!copy) return -ENOMEM;
  copy->header = (struct msghdr){.msg_iov = copy->parts, .msg_iovlen = from->msg_iovlen};
  if (parts_bytes) memcpy(copy->parts, from->msg_iov, parts_bytes);
  if (from->msg_name && from->msg_namelen) {
    memcpy(&copy->name, from->msg_name, from->msg_namelen);
    copy->header.msg_name = &copy->name;
    copy->header.msg_namelen = from->msg_namelen;
  }
  op->addr = (uint64_t)(uintptr_t)copy;
  op->state |= MR_OP_OWNED;
  return 0;
}

void mr_message_advance(struct msghdr *header, size_t n) {
  for (; header->msg_iovlen && n >= header->msg_iov->iov_len; header->msg_iov++, header->msg_iovlen--)
    n -= header->msg_iov->iov_len;
  if (!n) return;
  header->msg_iov->iov_base = (uint8_t *)header->msg_iov->iov_base + n;
  header->msg_iov->iov_len -= n;
}

int mr_try_sendmsg(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  struct msghdr *header = mr_pointer(op->addr);
  size_t wanted = 0;
  for (size_t i = 0; i < header->msg_iovlen; i++) wanted += header->msg_iov[i].iov_len;
  if (!op->done) op->len = (uint32_t)wanted;
  int flags = (int)(op->op_flags & ~(uint32_t)MSG_WAITALL) | MSG_NOSIGNAL | MSG_DONTWAIT;
  ssize_t n;
  do n = sendmsg(op->fd, header, flags);
  while (n < 0 && errno == EINTR);
  int res = sent(op, n, wanted);
  if (res != MR_WAIT) return res;
  if (!(op->state & MR_OP_OWNED) && mr_message_keep(op) < 0) return op->done ? (int)op->done : -ENOMEM;
  if (n > 0) mr_message_advance(mr_pointer(op->addr), (size_t)n);
  return MR_WAIT;
}

// Zero-copy sends: here the bytes are always copied, and the notification says so. Where Linux has no zero copy,
// neither have we.

static int zero_copy_check(int fd) {
  int domain;
  socklen_t bytes = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) < 0) return -errno;
  return domain == AF_INET || domain == AF_INET6 ? 0 : -EOPNOTSUPP;
}

int mr_try_send_zc(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  if (!(op->state & MR_OP_STARTED)) {
    int error = zero_copy_check(op->fd);
    if (error < 0) return error;
  }
  return (op->opcode == MR_OP_SEND_ZC ? mr_try_send : mr_try_sendmsg)(r, op, cqe_flags);
}
