// The io_uring kernel: entering, waiting and waking, the same for both rungs. In the first, SQ, CQ and SQEs lie in the
// linear memory, where the core writes and reads them, and what is left to do here is to enter.
#include "uring.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/** Completions that end a gathering before its time: what one turn of the core handles. */
#define GATHER_MOST 256u
/** A wait that min-wait begins must have an end, or min-wait ends it; and times must not overflow. */
#define MOST_NS INT64_C(3600000000000)

int mr_uring_enter_once(const struct uring *u, uint32_t submit, uint32_t min, uint32_t min_wait_us, int64_t ns) {
  struct __kernel_timespec time = {ns / 1000000000, ns % 1000000000};
  struct uring_getevents arg = {.sigmask_size = 8, .min_wait_usec = min_wait_us, .time = ns < 0 ? 0 : (uintptr_t)&time};
  unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | u->enter_flags;
  long r = syscall(__NR_io_uring_enter, u->enter_fd, submit, min, flags, &arg, sizeof arg);
  return r < 0 ? -errno : (int)r;
}

static unsigned sq_flags(const struct uring *u) { return __atomic_load_n(u->sq_flags, __ATOMIC_ACQUIRE); }

/** Completions for which the core's ring has no room. */
static bool held_back(const struct uring *u) {
  if (sq_flags(u) & IORING_SQ_CQ_OVERFLOW) return true;
  return u->mapped && __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) != *u->cq_head;
}

/** Whether an enter would bring anything without waiting. */
static bool has_more(const struct uring *u) { return sq_flags(u) & IORING_SQ_TASKRUN || held_back(u); }

static uint32_t ready_now(struct mr_loop *loop, struct uring *u) {
  if (u->mapped) mr_mapped_deliver(loop, u);
  return mr_cq_ready(loop);
}

/**
 * Empties the eventfd, and tells the kernel not to write it for what this enter completes itself. What comes from
 * elsewhere meanwhile is found by has_more, but only where an atomic change of memory is a barrier in the kernel too,
 * as it is on x86: on others one wake in two is in vain.
 */
static void hush(const struct uring *u) {
  uint64_t count;
  if (read(u->eventfd, &count, sizeof count) < 0) count = 0; // nobody has written
#if defined(__x86_64__) || defined(__i386__)
  __atomic_store_n(u->cq_flags, IORING_CQ_EVENTFD_DISABLED, __ATOMIC_SEQ_CST);
#endif
}

static void listen_again(const struct uring *u) {
  __atomic_store_n(u->cq_flags, 0, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const uint64_t one = 1;
  if (has_more(u) && write(u->eventfd, &one, sizeof one) < 0) return; // full: it is readable
}

static bool fatal(int r) { return r < 0 && r != -EINTR && r != -ETIME && r != -EAGAIN && r != -EBUSY; }

/** One wait. With min-wait the kernel gathers from the beginning of the wait, and then takes whatever is there. */
static int wait_once(const struct uring *u, uint32_t submit, uint32_t min, uint32_t gather_ns, int64_t ns) {
  if (!gather_ns || !u->min_wait) return mr_uring_enter_once(u, submit, min, 0, ns);
  uint32_t us = gather_ns < 1000 ? 1 : gather_ns / 1000;
  return mr_uring_enter_once(u, submit, min < GATHER_MOST ? GATHER_MOST : min, us, ns < 0 ? MOST_NS : ns);
}

/** Enters until all is submitted and `min` are ready, or the time is up: a signal or a short count is no end. */
static int enter_until(struct mr_loop *loop, struct uring *u, uint32_t pending, uint32_t min, int64_t timeout_ns) {
  uint32_t gather_ns = MR_CONTROL(loop, uint32_t, MIN_WAIT_NS), ready = ready_now(loop, u);
  if (!pending && ready >= min && !has_more(u)) return (int)ready;
  bool sleeps = ready < min && timeout_ns != 0;
  int64_t ns = timeout_ns, deadline = sleeps && ns > 0 ? (int64_t)mr_now_ns() + ns : 0;
  for (;;) {
    uint32_t lacking = ready < min ? min - (u->mapped ? ready : 0) : 0;
    int r = wait_once(u, pending, lacking, sleeps && lacking ? gather_ns : 0, lacking ? ns : 0);
    if (fatal(r)) return r;
    if (r > 0) pending -= (uint32_t)r;
    ready = ready_now(loop, u);
    if (r > 0 && pending) continue; // a kernel that stops at an SQE it does not like
    if (ready >= min) break;
    if (r == -EAGAIN || r == -EBUSY) return r;
    if (!sleeps) return -ETIME;
    if (deadline) ns = deadline - (int64_t)mr_now_ns();
    if (deadline && ns <= 0) return -ETIME;
    if (u->min_wait) gather_ns = 0; // it is over
  }
  if (!sleeps || !gather_ns || u->min_wait) return (int)ready;
  int r = mr_uring_enter_once(u, 0, GATHER_MOST, 0, gather_ns);
  return fatal(r) ? r : (int)ready_now(loop, u);
}

int mr_uring_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  struct uring *u = loop->state;
  uint32_t pending = mr_sq_pending(loop);
  if (submit > pending) submit = pending;
  if (submit > loop->sq_mask + 1) submit = loop->sq_mask + 1; // a tail beyond the ring: the ring once, no more
  if (u->mapped) submit = mr_mapped_submit(loop, u, submit);
  if (min > loop->cq_mask + 1) min = loop->cq_mask + 1;
  if (timeout_ns > MOST_NS * 1000) timeout_ns = -1;
  if (u->eventfd >= 0) hush(u);
  int r = enter_until(loop, u, submit, min, timeout_ns);
  if (held_back(u)) MR_CONTROL(loop, uint64_t, OVERFLOWS)++;
  if (u->eventfd >= 0) listen_again(u);
  return r;
}

/** The ring's own descriptor does not wake for work that is deferred to `enter`; a registered eventfd does. */
int mr_uring_wait_fd(struct mr_loop *loop) {
  struct uring *u = loop->state;
  if (u->eventfd >= 0) return u->eventfd;
  int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); // what came before is not told: look once
  if (fd < 0) return -errno;
  int r = mr_uring_register(u, IORING_REGISTER_EVENTFD, &fd, 1);
  if (r < 0) {
    close(fd);
    return r;
  }
  return u->eventfd = fd;
}

/** The core watches it, with a poll in this ring. */
int mr_uring_watch_host(struct mr_loop *loop, int fd) {
  MR_CONTROL(loop, int32_t, HOST_FD) = fd;
  return 0;
}

void mr_uring_ignore(struct mr_loop *loop, int fd) { (void)loop, (void)fd; }

void mr_uring_close(struct mr_loop *loop) {
  loop->leftover = mr_uring_shut(loop->state);
  free(loop->state);
}
