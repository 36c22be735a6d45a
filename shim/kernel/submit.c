// From SQE to op: what each opcode accepts, and chains of links. A mistake is answered as Linux answers it.
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SQE_FLAGS_KNOWN (MR_SQE_FLAG_IO_LINK | MR_SQE_FLAG_BUFFER_SELECT | MR_SQE_FLAG_CQE_SKIP_SUCCESS)
#define NS_PER_S 1000000000

struct timespec64 {
  int64_t seconds, nanoseconds;
};

/** Checks operands and turns them into the op's own: 0 or -errno, before anything of its chain has run. */
typedef int (*prepare_fn)(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe);

static int prepare_nop(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r, (void)sqe;
  return op->op_flags ? -EINVAL : 0;
}

static int prepare_fsync(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  return sqe->addr || sqe->buf_group || op->op_flags > 1 ? -EINVAL : 0;
}

static int prepare_poll(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  if (sqe->addr || sqe->off || sqe->buf_group || sqe->len & ~(uint32_t)MR_POLL_MULTISHOT) return -EINVAL;
  op->multishot = sqe->len & MR_POLL_MULTISHOT;
  if (op->multishot && op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) return -EINVAL;
  op->events = op->op_flags & 0xffff; // higher bits ask epoll for ways of waking that mean nothing here
  return 0;
}

static int prepare_timeout(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->buf_group || sqe->len != 1 || op->op_flags & ~(uint32_t)MR_TIMEOUT_ABS) return -EINVAL;
  if (sqe->off && op->opcode == MR_OP_LINK_TIMEOUT) return -EINVAL;
  if (!mr_inside(r->loop, sqe->addr, sizeof(struct timespec64))) return -EFAULT;
  struct timespec64 time;
  memcpy(&time, mr_pointer(sqe->addr), sizeof time);
  if (time.seconds < 0 || time.nanoseconds < 0) return -EINVAL;
  bool far = time.seconds > INT64_MAX / NS_PER_S - 1 || time.nanoseconds > INT64_MAX / 2;
  op->addr = far ? INT64_MAX : (uint64_t)time.seconds * NS_PER_S + (uint64_t)time.nanoseconds;
  return 0;
}

static int prepare_timeout_remove(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  return sqe->buf_group || sqe->len || op->op_flags ? -EINVAL : 0;
}

static int prepare_cancel(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  return sqe->off || op->op_flags & ~(uint32_t)(MR_CANCEL_ALL | MR_CANCEL_FD) ? -EINVAL : 0;
}

static int prepare_accept(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  if (sqe->addr || sqe->off || sqe->len || sqe->buf_group || sqe->ioprio & ~MR_ACCEPT_MULTISHOT) return -EINVAL;
  if (op->op_flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC)) return -EINVAL;
  op->multishot = sqe->ioprio & MR_ACCEPT_MULTISHOT;
  op->events = POLLIN;
  return 0;
}

static int prepare_connect(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->len || sqe->buf_group || op->op_flags || sqe->off > sizeof(struct sockaddr_storage)) return -EINVAL;
  if (!mr_inside(r->loop, sqe->addr, sqe->off)) return -EFAULT;
  op->len = (uint32_t)sqe->off;
  op->events = POLLOUT;
  return 0;
}

static int prepare_recv(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  bool select = op->flags & MR_SQE_FLAG_BUFFER_SELECT;
  if (sqe->off || sqe->ioprio & ~(MR_RECV_MULTISHOT | MR_RECV_POLL_FIRST)) return -EINVAL;
  op->multishot = sqe->ioprio & MR_RECV_MULTISHOT;
  if (op->multishot && (!select || sqe->len || op->op_flags & MSG_WAITALL)) return -EINVAL;
  if (select && sqe->addr) return -EINVAL;
  if (!select && !mr_inside(r->loop, sqe->addr, sqe->len)) return -EFAULT;
  if (select && sqe->buf_group != MR_BUF_GROUP) return -ENOBUFS;
  op->events = POLLIN;
  return 0;
}

static int prepare_recvmsg(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->off || sqe->ioprio & ~(MR_RECV_MULTISHOT | MR_RECV_POLL_FIRST)) return -EINVAL;
  op->multishot = sqe->ioprio & MR_RECV_MULTISHOT;
  op->events = POLLIN;
  if (op->multishot && (!(op->flags & MR_SQE_FLAG_BUFFER_SELECT) || op->op_flags & MSG_WAITALL)) return -EINVAL;
  int error = mr_recvmsg_prepare(r, op);
  return error == 0 && op->flags & MR_SQE_FLAG_BUFFER_SELECT && sqe->buf_group != MR_BUF_GROUP ? -ENOBUFS : error;
}

static int prepare_msg_ring(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  if (sqe->buf_group || sqe->addr3 || op->op_flags & ~(uint32_t)MR_MSG_RING_FLAGS_PASS) return -EINVAL;
  op->events = (uint32_t)sqe->file_index; // of the target's CQE
  return 0;
}

/** Which flags a send may have: what asks for a notification is known only to those that give one. */
static bool send_flags(const struct mr_op *op, const struct mr_sqe *sqe) {
  uint32_t known = op->state & MR_OP_NOTIFIES ? MR_RECV_POLL_FIRST | MR_SEND_ZC_REPORT_USAGE : MR_RECV_POLL_FIRST;
  return !(sqe->ioprio & ~known);
}

static int prepare_send(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->off || sqe->buf_group || !send_flags(op, sqe)) return -EINVAL;
  if (!mr_inside(r->loop, sqe->addr, sqe->len)) return -EFAULT;
  op->events = POLLOUT;
  return 0;
}

static int prepare_sendmsg(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->off || sqe->buf_group || !send_flags(op, sqe)) return -EINVAL;
  op->events = POLLOUT;
  return mr_message_check(r, op);
}

/** A path must end inside the memory. */
static int check_path(const struct mr_readiness *r, uint64_t addr) {
  if (!mr_inside(r->loop, addr, 1)) return -EFAULT;
  uint64_t left = r->loop->bytes - (addr - (uint64_t)(uintptr_t)r->loop->base);
  size_t limit = left < PATH_MAX ? (size_t)left : PATH_MAX;
  if (memchr(mr_pointer(addr), 0, limit)) return 0;
  return limit < PATH_MAX ? -EFAULT : -ENAMETOOLONG;
}

static int prepare_openat(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)op;
  return sqe->off || sqe->buf_group ? -EINVAL : check_path(r, sqe->addr);
}

static int prepare_close(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)r;
  return sqe->off || sqe->addr || sqe->len || op->op_flags || sqe->buf_group ? -EINVAL : 0;
}

static int prepare_statx(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  (void)op;
  if (sqe->buf_group) return -EINVAL;
  return mr_inside(r->loop, sqe->off, 256) ? check_path(r, sqe->addr) : -EFAULT;
}

static int prepare_rw(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  if (sqe->buf_group) return -EINVAL;
  if (op->op_flags) return -EOPNOTSUPP;
  op->events = op->opcode == MR_OP_READ ? POLLIN : POLLOUT;
  return mr_inside(r->loop, sqe->addr, sqe->len) ? 0 : -EFAULT;
}

static int attempt_none(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)op, (void)cqe_flags;
  return -EINVAL; // a LINK_TIMEOUT is started by the op it guards
}

static const struct {
  prepare_fn prepare;
  mr_attempt_fn attempt;
  bool takes_buffers, takes_ioprio, notifies;
} table[] = {
    [MR_OP_NOP] = {prepare_nop, mr_try_nop, false, false, false},
    [MR_OP_FSYNC] = {prepare_fsync, mr_try_fsync, false, false, false},
    [MR_OP_POLL_ADD] = {prepare_poll, mr_try_poll, false, false, false},
    [MR_OP_SENDMSG] = {prepare_sendmsg, mr_try_sendmsg, false, true, false},
    [MR_OP_RECVMSG] = {prepare_recvmsg, mr_try_recvmsg, true, true, false},
    [MR_OP_TIMEOUT] = {prepare_timeout, mr_try_timeout, false, false, false},
    [MR_OP_TIMEOUT_REMOVE] = {prepare_timeout_remove, mr_try_timeout_remove, false, false, false},
    [MR_OP_ACCEPT] = {prepare_accept, mr_try_accept, false, true, false},
    [MR_OP_ASYNC_CANCEL] = {prepare_cancel, mr_try_cancel, false, false, false},
    [MR_OP_LINK_TIMEOUT] = {prepare_timeout, attempt_none, false, false, false},
    [MR_OP_CONNECT] = {prepare_connect, mr_try_connect, false, false, false},
    [MR_OP_OPENAT] = {prepare_openat, mr_try_openat, false, false, false},
    [MR_OP_CLOSE] = {prepare_close, mr_try_close, false, false, false},
    [MR_OP_STATX] = {prepare_statx, mr_try_statx, false, false, false},
    [MR_OP_READ] = {prepare_rw, mr_try_read, false, false, false},
    [MR_OP_WRITE] = {prepare_rw, mr_try_write, false, false, false},
    [MR_OP_SEND] = {prepare_send, mr_try_send, false, true, false},
    [MR_OP_RECV] = {prepare_recv, mr_try_recv, true, true, false},
    [MR_OP_MSG_RING] = {prepare_msg_ring, mr_try_msg_ring, false, false, false},
    [MR_OP_SEND_ZC] = {prepare_send, mr_try_send_zc, false, true, true},
    [MR_OP_SENDMSG_ZC] = {prepare_sendmsg, mr_try_send_zc, false, true, true},
};

int mr_attempt(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  int res;
  r->rest = MR_REST_NONE;
  if ((op->state & (MR_OP_POLL_FIRST | MR_OP_STARTED)) == MR_OP_POLL_FIRST) {
    res = mr_without_buffer(r, op);
    if (res == -ENOBUFS) res = MR_WAIT;
    r->rest = MR_REST_PERHAPS;
  } else
    res = table[op->opcode].attempt(r, op, cqe_flags);
  op->state |= MR_OP_STARTED;
  return res;
}

static int prepare(struct mr_readiness *r, struct mr_op *op, const struct mr_sqe *sqe) {
  op->user_data = sqe->user_data;
  op->addr = sqe->addr;
  op->next = op->link = NULL;
  op->off = sqe->off;
  op->len = sqe->len;
  op->done = 0;
  op->fd = sqe->fd;
  op->op_flags = sqe->op_flags;
  op->events = 0;
  op->opcode = sqe->opcode;
  op->flags = sqe->flags;
  op->state = 0;
  op->multishot = 0;
  if (sqe->opcode >= sizeof table / sizeof *table || !table[sqe->opcode].prepare) return -EINVAL;
  if (sqe->flags & ~SQE_FLAGS_KNOWN || sqe->personality) return -EINVAL;
  if (sqe->flags & MR_SQE_FLAG_BUFFER_SELECT && !table[sqe->opcode].takes_buffers) return -EOPNOTSUPP;
  if (table[sqe->opcode].notifies) {
    if (sqe->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) return -EINVAL;
    op->state = MR_OP_NOTIFIES | (sqe->ioprio & MR_SEND_ZC_REPORT_USAGE ? MR_OP_USAGE : 0);
  }
  if (sqe->ioprio && !table[sqe->opcode].takes_ioprio) return -EINVAL;
  if (sqe->file_index && sqe->opcode != MR_OP_MSG_RING) return -EINVAL;
  if (sqe->ioprio & MR_RECV_POLL_FIRST && sqe->opcode != MR_OP_ACCEPT) op->state |= MR_OP_POLL_FIRST;
  return table[sqe->opcode].prepare(r, op, sqe);
}

/** Operands are stable after submission only in our own copy: for an op that starts behind others. */
static int keep_operands(struct mr_op *op) {
  size_t bytes;
  switch (op->opcode) {
  case MR_OP_SENDMSG:
  case MR_OP_SENDMSG_ZC:
    return mr_message_keep(op);
  case MR_OP_RECVMSG:
    return op->multishot ? 0 : mr_recvmsg_keep(op);
  case MR_OP_CONNECT:
    bytes = op->len;
    break;
  case MR_OP_OPENAT:
  case MR_OP_STATX:
    bytes = strlen(mr_pointer(op->addr)) + 1;
    break;
  default:
    return 0;
  }
  void *copy = malloc(bytes ? bytes : 1);
  if (!copy) return -ENOMEM;
  memcpy(copy, mr_pointer(op->addr), bytes);
  op->addr = (uint64_t)(uintptr_t)copy;
  op->state |= MR_OP_OWNED;
  return 0;
}

/** An op without links: on the stack as long as it does not have to wait. */
static void submit_one(struct mr_readiness *r, const struct mr_sqe *sqe) {
  struct mr_op op;
  uint32_t flags = 0;
  int res = prepare(r, &op, sqe);
  if (res == 0 && op.opcode == MR_OP_LINK_TIMEOUT) res = -EINVAL;
  if (res == 0) res = mr_attempt(r, &op, &flags);
  if (res == MR_WAIT) {
    struct mr_op *waiting = mr_op_new(r);
    if (waiting) {
      *waiting = op;
      res = mr_park(r, waiting);
      if (res != MR_WAIT) mr_op_free(r, waiting); // with what it owns
      op.state &= (uint8_t)~MR_OP_OWNED;
    } else
      res = -ENOMEM;
  }
  if (op.state & MR_OP_OWNED) free(mr_pointer(op.addr));
  if (res == MR_WAIT) return;
  if (!(op.flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) || mr_failed(&op, res)) mr_post_last(r, &op, res, flags);
}

/** A chain with a mistake in it runs not at all: the mistake gets its error, the others -ECANCELED. */
static void fail_chain(struct mr_readiness *r, struct mr_op *head, const struct mr_op *bad, int error) {
  bool silent = false;
  for (struct mr_op *op = head, *next; op; op = next) {
    next = op->link;
    if (!silent) mr_post_unstarted(r, op, op == bad ? error : -ECANCELED);
    if (op == head && op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) silent = true;
    mr_op_free(r, op);
  }
}

/** A chain of at most `left` SQEs that begins at SQ index `at` → how many it took. */
static uint32_t submit_chain(struct mr_readiness *r, uint32_t at, uint32_t left) {
  struct mr_op *head = NULL, *last = NULL, *bad = NULL;
  const struct mr_sqe *sqe;
  uint32_t taken = 0;
  int error = 0;
  do {
    sqe = &r->loop->sqes[at++ & r->loop->sq_mask];
    taken++;
    struct mr_op *op = mr_op_new(r);
    if (!op) { // nothing of this chain can run
      mr_post(r, sqe->user_data, -ENOMEM, 0);
      error = -ECANCELED;
      continue;
    }
    int res = prepare(r, op, sqe);
    if (res == 0 && op->opcode == MR_OP_LINK_TIMEOUT && (!last || last->opcode == MR_OP_LINK_TIMEOUT)) res = -EINVAL;
    if (res == 0 && last) res = keep_operands(op);
    if (res < 0 && !error) {
      error = res;
      bad = op;
    }
    if (last)
      last->link = op;
    else
      head = op;
    last = op;
  } while (sqe->flags & MR_SQE_FLAG_IO_LINK && taken < left);
  if (error)
    fail_chain(r, head, bad, error);
  else
    mr_run(r, head);
  return taken;
}

uint32_t mr_submit(struct mr_readiness *r, uint32_t count) {
  struct mr_loop *loop = r->loop;
  uint32_t head = *loop->sq_head, pending = mr_sq_pending(loop);
  if (pending > loop->sq_mask + 1) pending = loop->sq_mask + 1;
  if (count > pending) count = pending;
  for (uint32_t left = count; left;) {
    const struct mr_sqe *sqe = &loop->sqes[head & loop->sq_mask];
    uint32_t taken = 1;
    if (sqe->flags & MR_SQE_FLAG_IO_LINK)
      taken = submit_chain(r, head, left);
    else
      submit_one(r, sqe);
    head += taken;
    left -= taken;
  }
  __atomic_store_n(loop->sq_head, head, __ATOMIC_RELEASE);
  return count;
}
