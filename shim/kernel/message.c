// Receiving messages: one into its iovecs or a provided buffer, or one after another, each behind a header in a
// provided buffer of its own.
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define MESSAGES_PER_EVENT 8

_Static_assert(MR_RECVMSG_OUT_BYTES == 16, "struct io_uring_recvmsg_out");

/** A message that waits: its operands as they were at submission, its iovecs moved on as they fill. */
struct kept {
  struct msghdr header;
  uint64_t home; // where the header lies in the memory; lengths and flags are written there
  struct iovec parts[];
};

static bool inside(const struct mr_readiness *r, const void *at, size_t bytes) {
  return mr_inside(r->loop, (uint64_t)(uintptr_t)at, bytes);
}

/** In a multishot op `addr` is the most of a buffer that is used, `len` the room for a name, `done` that for control.
 */
static int prepare_multishot(struct mr_op *op, const struct msghdr *header) {
  if (header->msg_namelen > INT32_MAX || header->msg_controllen > INT32_MAX) return -EOVERFLOW;
  op->addr = header->msg_iovlen ? header->msg_iov->iov_len : 0;
  op->len = header->msg_namelen;
  op->done = (uint32_t)header->msg_controllen;
  return 0;
}

/** Checks the operands → 0 or -errno. An address outside the memory is refused before anything is received. */
int mr_recvmsg_prepare(const struct mr_readiness *r, struct mr_op *op) {
  bool select = op->flags & MR_SQE_FLAG_BUFFER_SELECT;
  if (!mr_inside(r->loop, op->addr, sizeof(struct msghdr)) || op->addr % 8) return -EFAULT;
  const struct msghdr *header = mr_pointer(op->addr);
  if (select && header->msg_iovlen > 1) return -EINVAL;
  if (header->msg_iovlen > IOV_MAX) return -EMSGSIZE;
  if (header->msg_iovlen &&
      ((uintptr_t)header->msg_iov % 8 || !inside(r, header->msg_iov, header->msg_iovlen * sizeof(struct iovec))))
    return -EFAULT;
  if (op->multishot) return prepare_multishot(op, header);
  size_t name_bytes = header->msg_namelen;
  if (header->msg_name && name_bytes > INT32_MAX) return -EINVAL;
  if (name_bytes > sizeof(struct sockaddr_storage)) name_bytes = sizeof(struct sockaddr_storage);
  if (header->msg_name && !inside(r, header->msg_name, name_bytes)) return -EFAULT;
  if (header->msg_control && !inside(r, header->msg_control, header->msg_controllen)) return -EFAULT;
  uint64_t wanted = 0;
  for (size_t i = 0; i < header->msg_iovlen; i++) {
    if (!select && !inside(r, header->msg_iov[i].iov_base, header->msg_iov[i].iov_len)) return -EFAULT;
    wanted += header->msg_iov[i].iov_len;
  }
  op->len = wanted < INT32_MAX ? (uint32_t)wanted : INT32_MAX;
  return 0;
}

int mr_recvmsg_keep(struct mr_op *op) {
  const struct msghdr *from = mr_pointer(op->addr);
  size_t parts_bytes = from->msg_iovlen * sizeof(struct iovec);
  struct kept *kept = malloc(sizeof *kept + parts_bytes);
  if (!kept) return -ENOMEM;
  kept->home = op->addr;
  kept->header = *from;
  kept->header.msg_iov = kept->parts;
  if (parts_bytes) memcpy(kept->parts, from->msg_iov, parts_bytes);
  op->addr = (uint64_t)(uintptr_t)kept;
  op->state |= MR_OP_OWNED;
  return 0;
}

static ssize_t receive(const struct mr_op *op, struct msghdr *header) {
  ssize_t n;
  do n = recvmsg(op->fd, header, (int)(op->op_flags & ~(uint32_t)MSG_WAITALL) | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n;
}

static bool has_to_wait(const struct mr_op *op) {
  return (errno == EAGAIN || errno == EWOULDBLOCK) && !(op->op_flags & MSG_DONTWAIT);
}

/** The buffer next in line, as far as `most` allows (0: all of it) → 0 or -errno. */
static int buffer_of(const struct mr_readiness *r, const struct mr_op *op, uint64_t most, struct iovec *part) {
  const struct mr_buf *buffer = mr_next_buffer(r);
  if (!buffer) return mr_without_buffer(r, op);
  *part = (struct iovec){mr_pointer(buffer->addr), most && most < buffer->len ? most : buffer->len};
  return part->iov_len && inside(r, part->iov_base, part->iov_len) ? 0 : -EFAULT;
}

static uint32_t take_buffer(struct mr_readiness *r) {
  return MR_CQE_FLAG_BUFFER | (uint32_t)mr_next_buffer(r)->id << MR_CQE_BUFFER_SHIFT;
}

/** One message into a buffer, behind its header → bytes of the buffer that are used. Negative: nothing was taken. */
static int receive_behind_header(struct mr_readiness *r, const struct mr_op *op, uint32_t *cqe_flags, bool *empty) {
  struct iovec part;
  int error = buffer_of(r, op, op->addr, &part);
  if (error < 0) return error;
  uint64_t before = MR_RECVMSG_OUT_BYTES + (uint64_t)op->len + op->done;
  if (part.iov_len < before) {
    error = mr_without_buffer(r, op);
    return error == -ENOBUFS ? -EFAULT : error;
  }
  uint8_t *at = part.iov_base;
  part = (struct iovec){at + before, part.iov_len - before};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (op->len) header.msg_name = at + MR_RECVMSG_OUT_BYTES, header.msg_namelen = op->len;
  if (op->done) header.msg_control = at + MR_RECVMSG_OUT_BYTES + op->len, header.msg_controllen = op->done;
  ssize_t n = receive(op, &header);
  if (n < 0) return has_to_wait(op) ? MR_WAIT : -errno;
  uint32_t out[] = {header.msg_namelen, (uint32_t)header.msg_controllen, (uint32_t)n, (uint32_t)header.msg_flags};
  memcpy(at, out, sizeof out);
  *cqe_flags = take_buffer(r);
  r->buffer_head++;
  *empty = n == 0;
  return (int)(before + ((size_t)n < part.iov_len ? (size_t)n : part.iov_len));
}

/** As with Linux, a message of no bytes ends the multishot: it may be the end of a stream. */
static int receive_multishot(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  for (int budget = MESSAGES_PER_EVENT; budget > 0 && mr_room(r); budget--) {
    bool empty = false;
    int n = receive_behind_header(r, op, cqe_flags, &empty);
    if (n < 0 || empty) return n;
    mr_post(r, op->user_data, n, *cqe_flags | MR_CQE_FLAG_MORE);
    *cqe_flags = 0;
  }
  r->rest = MR_REST_PERHAPS;
  return MR_WAIT;
}

/** Copies back what a receive says about its message. */
static void report(struct msghdr *home, const struct msghdr *from) {
  if (home->msg_name) home->msg_namelen = from->msg_namelen;
  home->msg_controllen = from->msg_controllen;
  home->msg_flags = from->msg_flags;
}

static int receive_selected(struct mr_readiness *r, const struct mr_op *op, struct msghdr *header, uint32_t *flags) {
  struct iovec part;
  int error = buffer_of(r, op, op->len, &part);
  if (error < 0) return error;
  struct msghdr selected = *header;
  selected.msg_iov = &part;
  selected.msg_iovlen = 1;
  ssize_t n = receive(op, &selected);
  if (n < 0) return has_to_wait(op) ? MR_WAIT : -errno;
  report(header, &selected);
  if (n == 0) return 0; // nothing came, and the buffer stays where it is
  *flags = take_buffer(r);
  r->buffer_head++;
  return (int)n;
}

/** One message, or with MSG_WAITALL as much of a stream as its iovecs hold. `header` is moved on. */
static int receive_whole(struct mr_op *op, struct msghdr *header) {
  for (;;) {
    struct msghdr next = *header;
    ssize_t n = receive(op, &next);
    if (n < 0 && has_to_wait(op)) return MR_WAIT;
    if (n < 0) return op->done ? (int)op->done : -errno;
    op->done += (uint32_t)n;
    report(header, &next);
    if (n == 0 || op->done >= op->len || !(op->op_flags & MSG_WAITALL) || !mr_streams(op->fd)) return (int)op->done;
    mr_message_advance(header, (size_t)n);
  }
}

/** Operands are copied only for a message that has to wait, or is received in several steps. */
int mr_try_recvmsg(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  if (op->multishot) return receive_multishot(r, op, cqe_flags);
  if (op->op_flags & MSG_WAITALL && !(op->state & MR_OP_OWNED) && mr_recvmsg_keep(op) < 0) return -ENOMEM;
  struct kept *kept = op->state & MR_OP_OWNED ? mr_pointer(op->addr) : NULL;
  struct msghdr *home = mr_pointer(kept ? kept->home : op->addr), once = *home, *header = kept ? &kept->header : &once;
  bool select = op->flags & MR_SQE_FLAG_BUFFER_SELECT;
  int res = select ? receive_selected(r, op, header, cqe_flags) : receive_whole(op, header);
  if (res >= 0) report(home, header);
  return res == MR_WAIT && !kept && mr_recvmsg_keep(op) < 0 ? -ENOMEM : res;
}
