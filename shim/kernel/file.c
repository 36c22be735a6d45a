// Attempts at files: done at once in the calling thread. Pipes and eventfds wait like sockets. Poll, close and nop too.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int result_of(ssize_t r) { return r < 0 ? -errno : (int)r; }

int mr_try_nop(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)op, (void)cqe_flags;
  return 0;
}

int mr_try_poll(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  bool first = !(op->state & MR_OP_STARTED);
  if (first && !mr_edge_told(r, op)) return MR_WAIT; // the poller also says what is ready already
  int events = (int)(r->events & (op->events | MR_TROUBLE));
  // the file may have been emptied since, and the answer is what counts here
  if (first || r->stale || r->poller->hints) {
    struct pollfd now = {op->fd, (short)op->events, 0};
    events = poll(&now, 1, 0) > 0 ? now.revents : 0;
    if (!events) return MR_WAIT;
  }
  if (!op->multishot) return events;
  mr_post(r, op->user_data, events, MR_CQE_FLAG_MORE);
  return MR_WAIT;
}

int mr_try_close(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  mr_readiness_closing(r->loop, op->fd);
  return result_of(close(op->fd));
}

int mr_try_fsync(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  return result_of(op->op_flags ? fdatasync(op->fd) : fsync(op->fd));
}

int mr_try_openat(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  int fd = openat(op->fd, mr_pointer(op->addr), (int)op->op_flags, op->len);
  if (fd < 0) return -errno;
  mr_readiness_opened(r->loop, fd);
  return fd;
}

int mr_try_statx(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  return result_of(statx(op->fd, mr_pointer(op->addr), (int)op->op_flags, op->len, mr_pointer(op->off)));
}

typedef ssize_t (*transfer_fn)(int, const struct iovec *, int, off_t, int);

/** Files block for as long as the disk takes; anything else is asked not to, and waits if it would have. */
static int transfer(const struct mr_op *op, transfer_fn move) {
  struct iovec part = {mr_pointer(op->addr), op->len};
  if (!(op->state & MR_OP_WAITING)) {
    struct stat about;
    if (fstat(op->fd, &about) < 0) return -errno;
    if (S_ISREG(about.st_mode) || S_ISBLK(about.st_mode) || S_ISDIR(about.st_mode))
      return result_of((op->opcode == MR_OP_READ ? preadv2 : pwritev2)(op->fd, &part, 1, (off_t)op->off, 0));
  }
  ssize_t n = move(op->fd, &part, 1, -1, RWF_NOWAIT);
  if (n >= 0 || errno != EOPNOTSUPP) return n < 0 && errno == EAGAIN ? MR_WAIT : result_of(n);
  // No such flag for this file: it must be ready, or non-blocking itself.
  struct pollfd now = {op->fd, (short)op->events, 0};
  if (poll(&now, 1, 0) == 0 && !(fcntl(op->fd, F_GETFL) & O_NONBLOCK)) return MR_WAIT;
  return result_of(move(op->fd, &part, 1, -1, 0));
}

int mr_try_read(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  return transfer(op, preadv2);
}

/** A pipe without a reader raises SIGPIPE, and no flag says not to: it is caught on the way. */
static ssize_t write_quietly(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  sigset_t pipes, former, pending;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipes, &former);
  ssize_t n = pwritev2(fd, parts, count, offset, flags);
  int error = errno;
  if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) sigtimedwait(&pipes, NULL, &(struct timespec){0, 0});
  pthread_sigmask(SIG_SETMASK, &former, NULL);
  errno = error;
  return n;
}

int mr_try_write(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  return transfer(op, write_quietly);
}
