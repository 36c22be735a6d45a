// The io_uring kernel: SQ, CQ, SQEs and the provided-buffer ring lie in the linear memory, where the core writes and
// reads them; what is left to do here is to enter. See io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
#include "../shim.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SETUP_NO_MMAP (1u << 14) // newer than Debian 12's headers
#define SETUP_NO_SQARRAY (1u << 16)
#define PARAMS_FLAGS                                                                                                   \
  (SETUP_NO_MMAP | SETUP_NO_SQARRAY | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |                        \
   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE)

struct uring {
  int fd;
  int eventfd; // -1: nobody waits from outside
};

/** io_uring_getevents_arg of Linux 6.12, where what was padding became the time to gather. */
struct getevents {
  uint64_t sigmask;
  uint32_t sigmask_size, min_wait_usec;
  uint64_t time;
};

_Static_assert(sizeof(struct getevents) == sizeof(struct io_uring_getevents_arg), "the same size");

static int setup_rings(struct mr_loop *loop, struct uring *u) {
  struct io_uring_params params = {.flags = PARAMS_FLAGS, .cq_entries = MR_CONTROL(loop, uint32_t, CQ_ENTRIES)};
  uint8_t *rings = loop->base + MR_CONTROL(loop, uint32_t, RINGS);
  uint8_t *sqes = loop->base + MR_CONTROL(loop, uint32_t, SQES);
  params.cq_off.resv2 = (uintptr_t)rings; // user_addr in newer headers
  params.sq_off.resv2 = (uintptr_t)sqes;
  u->fd = (int)syscall(__NR_io_uring_setup, MR_CONTROL(loop, uint32_t, SQ_ENTRIES), &params);
  if (u->fd < 0) return -errno;
  loop->sq_head = (uint32_t *)(void *)(rings + params.sq_off.head);
  loop->sq_tail = (uint32_t *)(void *)(rings + params.sq_off.tail);
  loop->cq_head = (uint32_t *)(void *)(rings + params.cq_off.head);
  loop->cq_tail = (uint32_t *)(void *)(rings + params.cq_off.tail);
  loop->cqes = (struct mr_cqe *)(void *)(rings + params.cq_off.cqes);
  loop->sqes = (struct mr_sqe *)(void *)sqes;
  loop->sq_mask = params.sq_entries - 1;
  loop->cq_mask = params.cq_entries - 1;
  return 0;
}

static int register_buffers(struct mr_loop *loop, const struct uring *u) {
  uint32_t count = MR_CONTROL(loop, uint32_t, BUFFER_ENTRIES);
  MR_CONTROL(loop, uint32_t, BUFFER_MODE) = MR_BUFFERS_PLAIN;
  if (!count) return 0;
  loop->buffers = (struct mr_buf *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, BUFFER_RING));
  loop->buffer_mask = count - 1;
  struct io_uring_buf_reg group = {.ring_addr = (uintptr_t)loop->buffers, .ring_entries = count, .bgid = MR_BUF_GROUP};
  return syscall(__NR_io_uring_register, u->fd, IORING_REGISTER_PBUF_RING, &group, 1) < 0 ? -errno : 0;
}

static void uring_close(struct mr_loop *loop) {
  struct uring *u = loop->state;
  if (u->eventfd >= 0) close(u->eventfd);
  close(u->fd);
  free(u);
}

static int uring_open(struct mr_loop *loop) {
  struct uring *u = calloc(1, sizeof *u);
  if (!u) return -ENOMEM;
  u->eventfd = -1;
  loop->state = u;
  int r = setup_rings(loop, u);
  if (r < 0) {
    free(u);
    return r;
  }
  r = register_buffers(loop, u);
  if (r < 0) uring_close(loop);
  MR_CONTROL(loop, uint32_t, FEATURES) = MR_FEATURE_SEND_SQE | MR_FEATURE_MIN_WAIT | MR_FEATURE_ASYNC_FILES;
  return r;
}

static int uring_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  const struct uring *u = loop->state;
  struct __kernel_timespec time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
  struct getevents arg = {.sigmask_size = 8, .time = timeout_ns >= 0 ? (uintptr_t)&time : 0};
  unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  long r;
  do {
    r = syscall(__NR_io_uring_enter, u->fd, submit, min, flags, &arg, sizeof arg);
    submit = mr_sq_pending(loop);
  } while (r < 0 && errno == EINTR);
  if (r < 0 && errno != ETIME && errno != EBUSY && errno != EAGAIN) return -errno;
  uint32_t ready = mr_cq_ready(loop);
  return ready < min ? -ETIME : (int)ready;
}

/** The ring's own descriptor does not wake for work that is deferred to `enter`; a registered eventfd does. */
static int uring_wait_fd(struct mr_loop *loop) {
  struct uring *u = loop->state;
  if (u->eventfd >= 0) return u->eventfd;
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) return -errno;
  if (syscall(__NR_io_uring_register, u->fd, IORING_REGISTER_EVENTFD, &fd, 1) < 0) {
    int error = -errno;
    close(fd);
    return error;
  }
  u->eventfd = fd;
  return fd;
}

static int uring_watch_host(struct mr_loop *loop, int fd) {
  MR_CONTROL(loop, int32_t, HOST_FD) = fd;
  return 0;
}

static void ignore(struct mr_loop *loop, int fd) { (void)loop, (void)fd; }

const struct mr_kernel mr_kernel_uring = {
    .name = "uring",
    .open = uring_open,
    .close = uring_close,
    .enter = uring_enter,
    .wait_fd = uring_wait_fd,
    .watch_host = uring_watch_host,
    .opened = ignore,
    .closing = ignore,
};
