// Pollers that hold only small descriptor numbers: what is above is refused and counted, never dropped. An accepted
// connection whose number is too high is kept as the spare, as if it still stood in the backlog, and the accept ends
// with -EMFILE; a later one gives it the lowest free number.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int refused(struct mr_readiness *r) {
  MR_CONTROL(r->loop, uint64_t, FDS_REFUSED)++;
  return -EMFILE;
}

int mr_limit_check(struct mr_readiness *r, int fd) {
  if (fd < r->poller->fd_limit) return 0;
  return fcntl(fd, F_GETFD) < 0 ? -EBADF : refused(r);
}

/** The spare under a number that the poller can hold, or -EMFILE. */
static int lower_spare(const struct mr_readiness *r, const struct mr_op *op) {
  int fd = fcntl(r->spare, op->op_flags & SOCK_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
  if (fd < 0) return -errno;
  if (fd < r->poller->fd_limit) return fd;
  close(fd);
  return -EMFILE;
}

int mr_limit_accept(struct mr_readiness *r, const struct mr_op *op) {
  int fd;
  if (r->spare >= 0) {
    fd = lower_spare(r, op);
    if (fd < 0) return fd == -EMFILE ? refused(r) : fd;
    if (r->spare_listener == op->fd) {
      close(r->spare);
      r->spare = r->spare_listener = -1;
      return fd;
    }
    close(fd); // it is another listener's: now we know that a number is free
  }
  do fd = accept4(op->fd, NULL, NULL, (int)op->op_flags);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  if (fd < r->poller->fd_limit) return fd;
  if (r->spare < 0) {
    r->spare = fd;
    r->spare_listener = op->fd;
  } else
    close(fd); // another thread took the free number in between, and there is room for one
  return refused(r);
}

void mr_limit_forget(struct mr_readiness *r, int listener) {
  if (listener != r->spare_listener) return;
  close(r->spare);
  r->spare = r->spare_listener = -1;
}
