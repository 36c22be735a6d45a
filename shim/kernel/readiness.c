// Enter, for every poller: submit, then wait and serve until enough is complete, the time is up or the host wakes us.
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GATHER_ENOUGH 16 // events that are worth a turn without waiting for more

/**
 * A receive that would only hear that there is no buffer: where this enter has brought enough, it waits for the next
 * one, when the core has given buffers back, instead of ending and being armed again.
 */
static bool waits_for_buffer(const struct mr_readiness *r, const struct mr_op *op) {
  if (!(op->flags & MR_SQE_FLAG_BUFFER_SELECT) || mr_next_buffer(r)) return false;
  uint32_t ready = mr_cq_ready(r->loop);
  return ready && ready >= r->min;
}

/** Serves the events of one fd, op by op in the order of submission. False: no room, come back. */
static bool serve(struct mr_readiness *r, const struct mr_ready *ready) {
  struct mr_record *record = mr_record_at(r, (int)ready->fd);
  if (!record || record->generation != ready->generation) return true;
  uint32_t events = ready->events;
  if (events & MR_TROUBLE) events |= POLLIN | POLLOUT; // whoever waits finds out by trying
  if (events & POLLNVAL) return mr_refuse(r, record, -EBADF), true;
  r->events = ready->events;
  for (struct mr_op *op = record->ops, *next; op; op = next) {
    next = op->next;
    bool poll = op->opcode == MR_OP_POLL_ADD;
    if (!(poll ? ready->events & (op->events | MR_TROUBLE) : events & op->events)) continue;
    if (!mr_room(r) || waits_for_buffer(r, op)) return false;
    uint32_t flags = 0;
    int res = mr_attempt(r, op, &flags);
    // A linked op that ran may have closed this fd or changed its list: the rest is reported again.
    if (res != MR_WAIT && mr_finish(r, op, res, flags)) return true;
    // What still waits in this direction must not be overtaken by the next op.
    if (res == MR_WAIT && !poll) events &= ~op->events;
  }
  return true;
}

static void serve_batch(struct mr_readiness *r) {
  bool edge = r->poller->edge;
  for (; r->ready_at < r->ready_count; r->ready_at++) {
    const struct mr_ready *ready = &r->ready[r->ready_at];
    if (ready->fd == MR_HOST_FD)
      r->host_ready = true;
    else if (ready->fd == MR_INBOX_FD)
      mr_inbox_drain(r);
    else if (ready->fd != MR_TIMER_FD && !(edge ? mr_edge_serve(r, ready) : serve(r, ready)))
      return;
  }
}

/** One wait of the poller, and what the set of edges has, if it says so. */
static int wait_once(struct mr_readiness *r, struct mr_ready *out, int max, int64_t timeout_ns) {
  int n = r->poller->wait(r->poller_state, out, max, timeout_ns);
  if (!r->edges) return n;
  for (int i = 0; i < n; i++)
    if (out[i].fd == MR_EDGES_FD) {
      out[i] = out[--n];
      return n + mr_edge_set_wait(r, out + n, max - n);
    }
  return n;
}

/** How long one wait may take: the caller's time, or the next timeout if that is sooner. */
static int64_t wait_ns(const struct mr_readiness *r, uint64_t deadline) {
  uint64_t until = mr_timer_next(r);
  if (deadline < until) until = deadline;
  if (until == MR_NEVER) return -1;
  uint64_t now = mr_now_ns();
  return until > now ? (int64_t)(until - now) : 0;
}

/** For a host that watches our descriptor instead of waiting in here: it must tell the whole truth when we leave. */
static void settle_outside(struct mr_readiness *r) {
  mr_apply_interest(r);
  mr_alarm_set(r);
}

/**
 * Something has come after a wait: where the core wants a crowd gathered, sleeps a moment and looks again. What the
 * second look does not repeat (an edge, which is told once) is kept.
 */
static int gather(struct mr_readiness *r, int n) {
  struct timespec nap = {0, (long)MR_CONTROL(r->loop, uint32_t, MIN_WAIT_NS)};
  if (!nap.tv_nsec || n >= GATHER_ENOUGH) return n;
  for (int i = 0; i < n; i++)
    if (r->ready[i].fd == MR_HOST_FD) return n;
  nanosleep(&nap, NULL);
  int found = wait_once(r, r->ready + n, MR_EVENTS_MAX - n, 0), more = n;
  for (int j = n; j < n + found; j++) {
    int i = 0;
    while (i < n && r->ready[i].fd != r->ready[j].fd) i++;
    if (i < n)
      r->ready[i].events |= r->ready[j].events;
    else
      r->ready[more++] = r->ready[j];
  }
  return more;
}

int mr_readiness_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  struct mr_readiness *r = loop->state;
  mr_deliver_held(r);
  mr_submit(r, submit);
  if (min > loop->cq_mask + 1) min = loop->cq_mask + 1;
  r->min = min;
  uint64_t deadline = timeout_ns < 0 || !min ? MR_NEVER : timeout_ns ? mr_now_ns() + (uint64_t)timeout_ns : 0;
  r->host_ready = false;
  r->stale = true;
  for (;;) {
    if (r->ready_at < r->ready_count) serve_batch(r);
    mr_apply_interest(r);
    if (r->timeouts) mr_timers_fire(r);
    bool enough = mr_cq_ready(loop) >= min || r->host_ready;
    if (r->ready_at == r->ready_count && mr_room(r)) {
      int64_t ns = enough || deadline == 0 || r->hot >= 0 ? 0 : wait_ns(r, deadline);
      int n = wait_once(r, r->ready, MR_EVENTS_MAX, ns);
      if (n > 0 && ns) n = gather(r, n);
      if (n < 0 && n != -EINTR) return n;
      r->stale = false;
      r->ready_at = 0;
      r->ready_count = n < 0 ? 0 : (uint32_t)n;
      serve_batch(r);
      if (r->hot >= 0) mr_edge_serve_hot(r); // behind the wait, so that those reported just now have their turn
      if (r->timeouts) mr_timers_fire(r);
    }
    bool full = mr_cq_ready(loop) >= min || r->host_ready || !mr_room(r);
    if (full || enough || (deadline != MR_NEVER && (deadline == 0 || mr_now_ns() >= deadline))) {
      if (r->timer_fd >= 0) settle_outside(r);
      return full || enough ? (int)mr_cq_ready(loop) : -ETIME;
    }
  }
}

int mr_readiness_open(struct mr_loop *loop, const struct mr_poller *poller) {
  struct mr_readiness *r = calloc(1, sizeof *r);
  if (!r) return -ENOMEM;
  r->loop = loop;
  r->poller = poller;
  r->dirty = -1;
  r->timer_fd = r->spare = r->spare_listener = -1;
  r->hot = r->hot_last = -1;
  r->timer_deadline = MR_NEVER;
  int error = poller->open(&r->poller_state);
  if (error < 0) {
    free(r);
    return error;
  }
  uint8_t *rings = loop->base + MR_CONTROL(loop, uint32_t, RINGS);
  loop->sq_head = (uint32_t *)(void *)rings;
  loop->sq_tail = loop->sq_head + 1;
  loop->cq_head = loop->sq_head + 2;
  loop->cq_tail = loop->sq_head + 3;
  *loop->sq_head = *loop->sq_tail = *loop->cq_head = *loop->cq_tail = 0;
  loop->cqes = (struct mr_cqe *)(void *)(rings + MR_RINGS_BYTES_FIXED);
  loop->sqes = (struct mr_sqe *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, SQES));
  loop->sq_mask = MR_CONTROL(loop, uint32_t, SQ_ENTRIES) - 1;
  loop->cq_mask = MR_CONTROL(loop, uint32_t, CQ_ENTRIES) - 1;
  MR_CONTROL(loop, uint32_t, FD_LIMIT) = (uint32_t)poller->fd_limit;
  uint32_t buffers = MR_CONTROL(loop, uint32_t, BUFFER_ENTRIES);
  MR_CONTROL(loop, uint32_t, BUFFER_MODE) = MR_BUFFERS_PLAIN;
  loop->buffers = buffers ? (struct mr_buf *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, BUFFER_RING)) : NULL;
  loop->buffer_mask = buffers - 1;
  loop->state = r;
  error = mr_inbox_open(r);
  if (error < 0) mr_readiness_close(loop);
  return error;
}

void mr_readiness_close(struct mr_loop *loop) {
  struct mr_readiness *r = loop->state;
  if (r->timer_fd >= 0) close(r->timer_fd);
  if (r->spare >= 0) close(r->spare);
  mr_edge_close(r);
  mr_inbox_close(r);
  r->poller->close(r->poller_state);
  mr_op_free_all(r);
  mr_records_free(r);
  free(r->heap);
  free(r->held);
  free(r);
}

int mr_readiness_watch_host(struct mr_loop *loop, int fd) {
  struct mr_readiness *r = loop->state;
  return r->poller->watch(r->poller_state, MR_HOST_FD, fd);
}
