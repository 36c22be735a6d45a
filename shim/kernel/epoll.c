// The epoll pollers, level- and edge-triggered; nanosecond waits where the kernel has them. See epoll(7).
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP, "poll's bits");
_Static_assert(EPOLLET == MR_EDGE && EPOLLRDHUP == MR_END, "the bits beside poll's");

struct epoll {
  int fd;
  int watched[MR_WATCHED]; // descriptors behind MR_HOST_FD and the names below it
  bool no_pwait2;
  struct epoll_event events[MR_EVENTS_MAX];
};

static uint64_t name_of(uint32_t fd, uint32_t generation) { return (uint64_t)generation << 32 | fd; }

static int epoll_open(void **state) {
  struct epoll *e = calloc(1, sizeof *e);
  if (!e) return -ENOMEM;
  for (int i = 0; i < MR_WATCHED; i++) e->watched[i] = -1;
  e->fd = epoll_create1(EPOLL_CLOEXEC);
  if (e->fd < 0) {
    int error = -errno;
    free(e);
    return error;
  }
  *state = e;
  return 0;
}

static void epoll_shut(void *state) {
  struct epoll *e = state;
  close(e->fd);
  free(e);
}

static int control(const struct epoll *e, int op, int fd, uint32_t events, uint64_t name) {
  struct epoll_event event = {.events = events, .data.u64 = name};
  return epoll_ctl(e->fd, op, fd, &event) < 0 ? -errno : 0;
}

/** The set may know better than we do when a file was closed behind our back: then the other verb is right. */
static int epoll_change(void *state, uint32_t fd, uint32_t generation, uint32_t from, uint32_t to) {
  const struct epoll *e = state;
  uint64_t name = name_of(fd, generation);
  if (!to) return control(e, EPOLL_CTL_DEL, (int)fd, 0, 0);
  int r = control(e, from ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, (int)fd, to, name);
  if (r == -ENOENT && from) r = control(e, EPOLL_CTL_ADD, (int)fd, to, name);
  if (r == -EEXIST && !from) r = control(e, EPOLL_CTL_MOD, (int)fd, to, name);
  return r;
}

static int epoll_watch(void *state, uint32_t name, int fd) {
  struct epoll *e = state;
  int *watched = &e->watched[MR_WATCHED_AT(name)];
  if (*watched >= 0) control(e, EPOLL_CTL_DEL, *watched, 0, 0);
  *watched = fd;
  int r = fd < 0 ? 0 : control(e, EPOLL_CTL_ADD, fd, EPOLLIN, name_of(name, 0));
  if (r < 0) *watched = -1;
  return r;
}

/** Rounds up to milliseconds, so that no wait ends early. */
static int wait_ms(const struct epoll *e, struct epoll_event *events, int max, int64_t timeout_ns) {
  int64_t ms = timeout_ns <= 0 ? timeout_ns : timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
  return epoll_wait(e->fd, events, max, ms > INT_MAX ? INT_MAX : (int)ms);
}

static int wait_any(struct epoll *e, int max, int64_t timeout_ns) {
#ifdef SYS_epoll_pwait2
  if (timeout_ns > 0 && !e->no_pwait2) {
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    long n = syscall(SYS_epoll_pwait2, e->fd, e->events, max, &timeout, NULL, 0);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)n;
    e->no_pwait2 = true; // an old kernel, or a sandbox that does not know the call
  }
#endif
  return wait_ms(e, e->events, max, timeout_ns);
}

static int epoll_ready(void *state, struct mr_ready *out, int max, int64_t timeout_ns) {
  struct epoll *e = state;
  int n = wait_any(e, max < MR_EVENTS_MAX ? max : MR_EVENTS_MAX, timeout_ns);
  if (n < 0) return -errno;
  for (int i = 0; i < n; i++) {
    uint64_t name = e->events[i].data.u64;
    out[i] = (struct mr_ready){(uint32_t)name, (uint32_t)(name >> 32), e->events[i].events};
  }
  return n;
}

static int epoll_descriptor(void *state) { return ((const struct epoll *)state)->fd; }

#define EPOLL_FUNCTIONS                                                                                                \
  .open = epoll_open, .close = epoll_shut, .change = epoll_change, .watch = epoll_watch, .wait = epoll_ready,          \
  .fd = epoll_descriptor

const struct mr_poller mr_epoll_poller = {EPOLL_FUNCTIONS, .has_edge = true};

static const struct mr_poller edge_poller = {EPOLL_FUNCTIONS, .has_edge = true, .edge = true};

static int open_level(struct mr_loop *loop) { return mr_readiness_open(loop, &mr_epoll_poller); }
static int open_edge(struct mr_loop *loop) { return mr_readiness_open(loop, &edge_poller); }

const struct mr_kernel mr_kernel_epoll = MR_READINESS_KERNEL("epoll", open_level);
const struct mr_kernel mr_kernel_epoll_edge = MR_READINESS_KERNEL("epoll-edge", open_edge);
