// Deadlines: a binary heap of waiting timeouts, what happens when one is reached, and an alarm for a host outside.
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void place(struct mr_readiness *r, uint32_t at, struct mr_op *op) {
  r->heap[at] = op;
  op->len = at;
}

static void sift_up(struct mr_readiness *r, uint32_t at, struct mr_op *op) {
  while (at > 0 && op->addr < r->heap[(at - 1) / 2]->addr) {
    place(r, at, r->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  place(r, at, op);
}

static void sift_down(struct mr_readiness *r, uint32_t at, struct mr_op *op) {
  for (uint32_t child = 2 * at + 1; child < r->timeouts; child = 2 * at + 1) {
    if (child + 1 < r->timeouts && r->heap[child + 1]->addr < r->heap[child]->addr) child++;
    if (op->addr <= r->heap[child]->addr) break;
    place(r, at, r->heap[child]);
    at = child;
  }
  place(r, at, op);
}

int mr_timer_add(struct mr_readiness *r, struct mr_op *op) {
  if (r->timeouts == r->heap_capacity) {
    uint32_t capacity = r->heap_capacity ? r->heap_capacity * 2 : 64;
    struct mr_op **heap = realloc(r->heap, capacity * sizeof(struct mr_op *));
    if (!heap) return -ENOMEM;
    r->heap = heap;
    r->heap_capacity = capacity;
  }
  if (op->state & MR_OP_COUNTED) r->counted++;
  sift_up(r, r->timeouts++, op);
  return 0;
}

void mr_timer_remove(struct mr_readiness *r, struct mr_op *op) {
  uint32_t at = op->len;
  struct mr_op *last = r->heap[--r->timeouts];
  if (op->state & MR_OP_COUNTED) r->counted--;
  if (last == op) return;
  if (at > 0 && last->addr < r->heap[(at - 1) / 2]->addr)
    sift_up(r, at, last);
  else
    sift_down(r, at, last);
}

uint64_t mr_timer_next(const struct mr_readiness *r) { return r->timeouts ? r->heap[0]->addr : MR_NEVER; }

/** The deadline of a timeout that starts now; one too far away for the clock is never reached. */
static uint64_t deadline_of(const struct mr_op *op) {
  uint64_t deadline;
  if (op->op_flags & MR_TIMEOUT_ABS) return op->addr;
  return __builtin_add_overflow(mr_now_ns(), op->addr, &deadline) ? MR_NEVER : deadline;
}

void mr_timer_guard(struct mr_readiness *r, struct mr_op *op) {
  struct mr_op *guard = op->link;
  if (!guard || guard->opcode != MR_OP_LINK_TIMEOUT) return;
  guard->next = op;
  guard->addr = deadline_of(guard);
  if (mr_timer_add(r, guard) == 0) guard->state |= MR_OP_WAITING;
}

/** A LINK_TIMEOUT at its deadline cancels the op it guards, and with it the chain behind them. */
static void guard_fires(struct mr_readiness *r, struct mr_op *guard) {
  struct mr_op *op = guard->next;
  mr_timer_remove(r, guard);
  op->link = guard->link;
  mr_cancel(r, op);
  mr_post(r, guard->user_data, -ETIME, 0);
  mr_op_free(r, guard);
}

static void count_fires(struct mr_readiness *r) {
  for (uint32_t i = 0; i < r->timeouts && r->counted; i++) {
    struct mr_op *op = r->heap[i];
    if (!(op->state & MR_OP_COUNTED) || (int32_t)(r->posted - op->done) < 0) continue;
    mr_finish(r, op, 0, 0);
    i = UINT32_MAX; // the heap has changed: look again from the start
  }
}

void mr_timers_fire(struct mr_readiness *r) {
  if (r->counted) count_fires(r);
  if (!r->timeouts) return;
  uint64_t now = mr_now_ns();
  while (mr_timer_next(r) <= now) {
    struct mr_op *op = r->heap[0];
    if (op->opcode == MR_OP_LINK_TIMEOUT)
      guard_fires(r, op);
    else
      mr_finish(r, op, -ETIME, 0);
  }
}

int mr_try_timeout(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  op->addr = deadline_of(op);
  if (op->off) { // counts the completions from here on
    op->done = r->posted + (uint32_t)op->off;
    op->state |= MR_OP_COUNTED;
  }
  return MR_WAIT;
}

int mr_try_timeout_remove(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  struct mr_op *target = mr_find(r, op->addr);
  while (target && (target->opcode != MR_OP_TIMEOUT || target->user_data != op->addr)) target = target->same;
  if (!target) return -ENOENT;
  mr_cancel(r, target);
  return 0;
}

// The alarm: with a poll handle the host waits on our descriptor, so the next deadline must make it readable.

int mr_readiness_wait_fd(struct mr_loop *loop) {
  struct mr_readiness *r = loop->state;
  if (!r->poller->fd) return -ENOSYS; // this mechanism has nothing that others could wait on
  if (r->timer_fd < 0) {
    r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (r->timer_fd < 0) return -errno;
    int error = r->poller->watch(r->poller_state, MR_TIMER_FD, r->timer_fd);
    if (error < 0) return error;
    mr_alarm_set(r);
  }
  return r->poller->fd(r->poller_state);
}

void mr_alarm_set(struct mr_readiness *r) {
  uint64_t next = r->hot < 0 ? mr_timer_next(r) : 0; // what is hot is not reported again
  if (next == r->timer_deadline) return;
  r->timer_deadline = next;
  struct itimerspec at = {{0, 0}, {0, 0}}; // zero disarms
  if (next != MR_NEVER) {
    at.it_value.tv_sec = (time_t)(next / 1000000000u);
    at.it_value.tv_nsec = (long)(next % 1000000000u) + (next == 0);
  }
  timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &at, NULL); // also takes back an alarm that rang
}
