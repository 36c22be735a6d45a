// Pollers that tell once. A descriptor stays hot from a report until an attempt finds nothing left, and hot descriptors
// are served again without a report. And for pollers that know levels only: a set of edges beside them, for polls that
// want each change once.
#include "readiness.h"
#include <errno.h>
#include <unistd.h>

// The hot list

static void enlist(struct mr_readiness *r, struct mr_record *record, int32_t fd) {
  if (record->flags & MR_FD_HOT) return;
  record->flags |= MR_FD_HOT;
  record->next_hot = -1;
  if (r->hot < 0)
    r->hot = fd;
  else
    mr_record_at(r, r->hot_last)->next_hot = fd;
  r->hot_last = fd;
}

/** The bits that go cold when an attempt in this direction finds nothing. */
static uint32_t cold(const struct mr_op *op) { return op->events & POLLIN ? op->events | MR_END : op->events; }

void mr_edge_park(struct mr_readiness *r, struct mr_record *record, const struct mr_op *op) {
  if (op->opcode == MR_OP_POLL_ADD) return;
  if (r->rest == MR_REST_NONE) {
    record->hot &= ~cold(op);
    return;
  }
  record->hot |= cold(op); // whether the end has come with the bytes is not known here
  enlist(r, record, op->fd);
}

bool mr_edge_told(const struct mr_readiness *r, const struct mr_op *op) {
  const struct mr_record *record = mr_record_at(r, op->fd);
  return record && record->armed & MR_EDGE && (record->armed & op->events) == op->events;
}

/**
 * Attempts what waits in the hot directions. After a short receive nothing is asked again unless the end may be there:
 * the next bytes are a new report, see epoll(7), question 9. False: the CQ is full.
 */
static bool attempt(struct mr_readiness *r, struct mr_record *record, int32_t fd) {
  uint32_t generation = record->generation, waiting = 0;
  for (struct mr_op *op = record->ops, *next; op; op = next) {
    next = op->next;
    if (op->opcode == MR_OP_POLL_ADD || !(record->hot & op->events & ~waiting)) continue;
    if (!mr_room(r)) return false;
    uint32_t flags = 0;
    int res = mr_attempt(r, op, &flags);
    if (res == MR_WAIT) {
      // what still waits in this direction must not be overtaken by the next op
      if (r->rest == MR_REST_PERHAPS || (r->rest == MR_REST_SHORT && record->hot & MR_END))
        waiting |= op->events;
      else
        record->hot &= ~cold(op);
    } else if (mr_finish(r, op, res, flags)) { // a linked op ran, which may have closed this fd or changed its list
      if (record->generation != generation) return true;
      next = record->ops;
    }
  }
  if (waiting) enlist(r, record, fd);
  return true;
}

/** Answers polls. The others are attempted in their turn, behind those that were hot before. */
bool mr_edge_serve(struct mr_readiness *r, const struct mr_ready *ready) {
  struct mr_record *record = mr_record_at(r, (int)ready->fd);
  if (!record || record->generation != ready->generation) return true;
  if (ready->events & POLLNVAL) return mr_refuse(r, record, -EBADF), true;
  record->hot |= ready->events & (POLLIN | POLLOUT | MR_END);
  if (ready->events & MR_TROUBLE) record->hot |= POLLIN | POLLOUT | MR_END; // whoever waits finds out by trying
  bool others = false;
  for (struct mr_op *op = record->ops, *next; op; op = next) {
    next = op->next;
    if (op->opcode != MR_OP_POLL_ADD) others = true;
    if (op->opcode != MR_OP_POLL_ADD || !(ready->events & (op->events | MR_TROUBLE))) continue;
    if (!mr_room(r)) return false;
    uint32_t flags = 0;
    r->events = ready->events;
    int res = mr_attempt(r, op, &flags);
    if (res == MR_WAIT || !mr_finish(r, op, res, flags)) continue;
    if (record->generation != ready->generation) return true;
    r->stale = true; // a linked op ran, and the list may be another: those that are left look for themselves
    next = record->ops;
  }
  if (others) enlist(r, record, (int32_t)ready->fd);
  return true;
}

void mr_edge_serve_hot(struct mr_readiness *r) {
  int32_t fd = r->hot, last = r->hot_last;
  r->hot = r->hot_last = -1;
  while (fd >= 0) {
    struct mr_record *record = mr_record_at(r, fd);
    int32_t next = record->next_hot;
    record->flags &= ~(uint32_t)MR_FD_HOT;
    if (!attempt(r, record, fd)) { // the CQ is full: from here on they come first next time
      record->flags |= MR_FD_HOT;
      record->next_hot = next;
      mr_record_at(r, last)->next_hot = r->hot;
      r->hot = fd;
      if (r->hot_last < 0) r->hot_last = last;
      return;
    }
    fd = next;
  }
}

// The set of edges: an epoll instance whose descriptor the poller watches

static int set_open(struct mr_readiness *r) {
  if (r->edges) return 0;
  int error = mr_epoll_poller.open(&r->edges);
  if (error == 0) error = r->poller->watch(r->poller_state, MR_EDGES_FD, mr_epoll_poller.fd(r->edges));
  if (error < 0) mr_edge_close(r);
  return error;
}

void mr_edge_close(struct mr_readiness *r) {
  if (r->edges) mr_epoll_poller.close(r->edges);
  r->edges = NULL;
}

int mr_edge_set_wait(struct mr_readiness *r, struct mr_ready *out, int max) {
  int n = mr_epoll_poller.wait(r->edges, out, max, 0);
  return n < 0 ? 0 : n;
}

static int set_change(struct mr_readiness *r, const struct mr_record *record, uint32_t fd, uint32_t from, uint32_t to) {
  int error = set_open(r);
  return error < 0 ? error : mr_epoll_poller.change(r->edges, fd, record->generation, from, to);
}

int mr_edge_change(struct mr_readiness *r, struct mr_record *record, uint32_t fd, uint32_t to) {
  const struct mr_poller *poller = r->poller;
  uint32_t from = record->armed, generation = record->generation;
  bool was = record->flags & MR_FD_BESIDE;
  bool beside = was && (poller->edge || !to || to & MR_EDGE); // what raises no signals never will
  if (to & MR_EDGE && !poller->has_edge) beside = true;
  int error = 0;
  if (was != beside && from) {
    if (was)
      set_change(r, record, fd, from, 0);
    else
      poller->change(r->poller_state, fd, generation, from, 0);
    from = 0;
  }
  if (!beside) {
    error = poller->change(r->poller_state, fd, generation, from, to);
    if (error == -EOPNOTSUPP && to) {
      if (from) poller->change(r->poller_state, fd, generation, from, 0);
      from = 0;
      beside = true;
    }
  }
  if (beside) error = set_change(r, record, fd, from, to);
  record->armed = error < 0 ? 0 : to;
  record->flags &= ~(uint32_t)MR_FD_BESIDE;
  if (beside && record->armed) record->flags |= MR_FD_BESIDE;
  return error;
}
