// The poll poller: every wait hands the whole array of descriptors to the kernel and scans what comes back, so that its
// cost grows with the connections that are open, not with those that have something to say. See poll(2).
#include "pollset.h"
#include <errno.h>
#include <stdlib.h>

static int poll_open(void **state) {
  struct mr_pollset *set = calloc(1, sizeof *set);
  if (!set) return -ENOMEM;
  int error = mr_pollset_open(set);
  *state = set;
  if (error < 0) free(set);
  return error;
}

static void poll_close(void *state) {
  mr_pollset_close(state);
  free(state);
}

static int poll_change(void *state, uint32_t fd, uint32_t generation, uint32_t from, uint32_t to) {
  (void)from;
  return mr_pollset_change(state, fd, generation, to);
}

static int poll_watch(void *state, uint32_t name, int fd) {
  mr_pollset_watch(state, name, fd);
  return 0;
}

static int poll_wait(void *state, struct mr_ready *out, int max, int64_t timeout_ns) {
  struct mr_pollset *set = state;
  struct timespec time;
  int found = ppoll(set->fds, set->count, mr_timespec(&time, timeout_ns), NULL);
  return found < 0 ? -errno : mr_pollset_report(set, found, out, max);
}

static const struct mr_poller poller = {
    .open = poll_open,
    .close = poll_close,
    .change = poll_change,
    .watch = poll_watch,
    .wait = poll_wait,
};

static int open_loop(struct mr_loop *loop) { return mr_readiness_open(loop, &poller); }

const struct mr_kernel mr_kernel_poll = MR_READINESS_KERNEL("poll", open_loop);
