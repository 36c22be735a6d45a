// Non-blocking polling, the model without any mechanism: whatever waits is attempted, again and again, and EAGAIN is
// how one learns that nothing is there. A sweep costs a system call for each waiting op. It burns the CPU it runs on by
// design: after a number of vain sweeps it naps for as little as the kernel can, and never sleeps until woken.
#include "pollset.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define YIELDS 64    // vain sweeps that only let others run, before the naps begin
#define NAP_NS 50000 // what a nap asks for; the kernel's timer slack, 50 µs by default, comes on top

struct spin {
  struct mr_pollset set;
  uint32_t left; // places of this sweep still to be attempted
};

static int spin_open(void **state) {
  struct spin *s = calloc(1, sizeof *s);
  if (!s) return -ENOMEM;
  int error = mr_pollset_open(&s->set);
  *state = s;
  if (error < 0) free(s);
  return error;
}

static void spin_close(void *state) {
  mr_pollset_close(&((struct spin *)state)->set);
  free(state);
}

static int spin_change(void *state, uint32_t fd, uint32_t generation, uint32_t from, uint32_t to) {
  (void)from;
  return mr_pollset_change(&((struct spin *)state)->set, fd, generation, to);
}

static int spin_watch(void *state, uint32_t name, int fd) {
  mr_pollset_watch(&((struct spin *)state)->set, name, fd);
  return 0;
}

static bool watches(const struct mr_pollset *set) {
  for (uint32_t i = 0; i < MR_WATCHED; i++)
    if (set->fds[i].fd >= 0) return true;
  return false;
}

/** Says of everything that it is ready; attempts will tell. Only the kernel's own descriptors are asked. */
static int spin_wait(void *state, struct mr_ready *out, int max, int64_t timeout_ns) {
  (void)timeout_ns; // see spin_enter
  struct spin *s = state;
  struct mr_pollset *set = &s->set;
  int n = 0;
  if (watches(set) && poll(set->fds, MR_WATCHED, 0) > 0)
    for (uint32_t i = 0; i < MR_WATCHED && n < max; i++)
      if (set->fds[i].fd >= 0 && set->fds[i].revents) out[n++] = (struct mr_ready){UINT32_MAX - i, 0, POLLIN};
  for (; s->left && n < max; s->left--) {
    if (set->cursor < MR_WATCHED || set->cursor >= set->count) set->cursor = MR_WATCHED;
    if (set->count == MR_WATCHED) {
      s->left = 0;
      break;
    }
    const struct pollfd *entry = &set->fds[set->cursor];
    out[n++] = (struct mr_ready){(uint32_t)entry->fd, set->generations[set->cursor++], (uint16_t)entry->events};
  }
  return n;
}

static const struct mr_poller poller = {
    .open = spin_open,
    .close = spin_close,
    .change = spin_change,
    .watch = spin_watch,
    .wait = spin_wait,
    .hints = true,
};

static int open_loop(struct mr_loop *loop) { return mr_readiness_open(loop, &poller); }

/** One attempt at everything that waits, in batches. */
static int sweep(struct mr_loop *loop, uint32_t submit, uint32_t min) {
  struct mr_readiness *r = loop->state;
  struct spin *s = r->poller_state;
  bool woken = false;
  int n;
  s->left = s->set.count - MR_WATCHED + submit; // with what this enter adds
  do {
    n = mr_readiness_enter(loop, submit, min, 0);
    woken |= r->host_ready;
    submit = 0;
    if (s->left > s->set.count - MR_WATCHED) s->left = s->set.count - MR_WATCHED;
  } while ((n >= 0 || n == -ETIME) && s->left && r->ready_at == r->ready_count && mr_room(r));
  r->host_ready = woken;
  return n;
}

/** A nap that the host's loop ends early. */
static void nap(struct spin *s, int64_t ns) {
  struct timespec time;
  ppoll(s->set.fds, MR_WATCHED, mr_timespec(&time, ns), NULL);
}

static int64_t nap_ns(const struct mr_readiness *r, uint64_t deadline) {
  uint64_t until = mr_timer_next(r), now = mr_now_ns();
  if (deadline < until) until = deadline;
  if (until <= now) return 0;
  return until - now < NAP_NS ? (int64_t)(until - now) : NAP_NS;
}

static int spin_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  struct mr_readiness *r = loop->state;
  struct spin *s = r->poller_state;
  uint64_t deadline = timeout_ns < 0 ? MR_NEVER : mr_now_ns() + (uint64_t)timeout_ns;
  if (min > loop->cq_mask + 1) min = loop->cq_mask + 1;
  for (uint32_t vain = 0;; vain++) {
    int n = sweep(loop, submit, min);
    submit = 0;
    bool done = mr_cq_ready(loop) >= min || r->host_ready || !mr_room(r);
    if (n < 0 && n != -ETIME) return n;
    int64_t gather = MR_CONTROL(loop, uint32_t, MIN_WAIT_NS);
    if (done && vain && gather && !r->host_ready) { // something has come after a wait: the core wants a crowd gathered
      nap(s, gather);
      sweep(loop, 0, min);
    }
    if (done) return (int)mr_cq_ready(loop);
    if (mr_now_ns() >= deadline) return -ETIME;
    if (vain < YIELDS)
      sched_yield();
    else
      nap(s, nap_ns(r, deadline));
  }
}

const struct mr_kernel mr_kernel_spin = {
    .name = "spin",
    .open = open_loop,
    .enter = spin_enter,
    MR_READINESS_FUNCTIONS,
};
