// One record per fd: the ops that wait on it, and the interest the poller was told. Interest changes only just before a
// wait, so that an op that comes and goes within a turn costs no system call.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_PER_CHUNK 512u

struct mr_record *mr_record_at(const struct mr_readiness *r, int fd) {
  uint32_t chunk = (uint32_t)fd / RECORDS_PER_CHUNK;
  if (fd < 0 || chunk >= r->record_chunks || !r->records[chunk]) return NULL;
  return &r->records[chunk][(uint32_t)fd % RECORDS_PER_CHUNK];
}

static int make_record(struct mr_readiness *r, int fd, struct mr_record **record) {
  *record = mr_record_at(r, fd);
  if (*record) return 0;
  if (fd < 0 || fcntl(fd, F_GETFD) < 0) return -EBADF; // a number nobody opened must not grow the table
  uint32_t chunk = (uint32_t)fd / RECORDS_PER_CHUNK;
  if (chunk >= r->record_chunks) {
    uint32_t count = chunk + 1 > r->record_chunks * 2 ? chunk + 1 : r->record_chunks * 2;
    struct mr_record **records = realloc(r->records, count * sizeof *records);
    if (!records) return -ENOMEM;
    memset(records + r->record_chunks, 0, (count - r->record_chunks) * sizeof *records);
    r->records = records;
    r->record_chunks = count;
  }
  if (!r->records[chunk]) r->records[chunk] = calloc(RECORDS_PER_CHUNK, sizeof **r->records);
  *record = mr_record_at(r, fd);
  return *record ? 0 : -ENOMEM;
}

void mr_records_free(struct mr_readiness *r) {
  for (uint32_t i = 0; i < r->record_chunks; i++) free(r->records[i]);
  free(r->records);
}

static void mark_dirty(struct mr_readiness *r, struct mr_record *record, int fd) {
  if (record->flags & MR_FD_DIRTY) return;
  record->flags |= MR_FD_DIRTY;
  record->dirty = r->dirty;
  r->dirty = fd;
}

void mr_know_socket(struct mr_readiness *r, int fd) {
  struct mr_record *record;
  if (make_record(r, fd, &record) == 0) record->flags |= MR_FD_SOCKET;
}

/** Makes an op of the pool wait for its events or its time → MR_WAIT, or why it cannot. */
int mr_park(struct mr_readiness *r, struct mr_op *op) {
  if (op->opcode == MR_OP_TIMEOUT) {
    int error = mr_timer_add(r, op);
    if (error < 0) return error;
  } else {
    struct mr_record *record;
    int error = r->poller->fd_limit ? mr_limit_check(r, op->fd) : 0;
    if (error == 0) error = make_record(r, op->fd, &record);
    if (error < 0) return error;
    if (r->poller->edge) mr_edge_park(r, record, op);
    struct mr_op **at = &record->ops;
    while (*at) at = &(*at)->next;
    *at = op;
    op->next = NULL;
    mark_dirty(r, record, op->fd);
  }
  mr_timer_guard(r, op);
  op->state |= MR_OP_WAITING;
  mr_index(r, op);
  return MR_WAIT;
}

void mr_unpark(struct mr_readiness *r, struct mr_op *op) {
  mr_unindex(r, op);
  op->state &= (uint8_t)~MR_OP_WAITING;
  if (op->opcode == MR_OP_TIMEOUT) {
    mr_timer_remove(r, op);
    return;
  }
  struct mr_record *record = mr_record_at(r, op->fd);
  struct mr_op **at = &record->ops;
  while (*at != op) at = &(*at)->next;
  *at = op->next;
  mark_dirty(r, record, op->fd);
}

/** Multishot polls alone are told of changes; with another op beside them they are told of the level. */
static uint32_t interest_of(const struct mr_record *record) {
  uint32_t events = 0;
  bool edge = true;
  for (const struct mr_op *op = record->ops; op; op = op->next) {
    events |= op->events | POLLHUP; // never 0 while an op waits; pollers report hang-ups anyway
    if (op->opcode != MR_OP_POLL_ADD || !op->multishot) edge = false;
  }
  return edge && events ? events | MR_EDGE : events;
}

void mr_refuse(struct mr_readiness *r, struct mr_record *record, int error) {
  for (struct mr_op *op = record->ops; op; op = record->ops) {
    uint32_t always = op->events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    mr_finish(r, op, error == -EPERM && op->opcode == MR_OP_POLL_ADD && always ? (int)always : error, 0);
  }
}

void mr_apply_interest(struct mr_readiness *r) {
  while (r->dirty >= 0) {
    int fd = r->dirty;
    struct mr_record *record = mr_record_at(r, fd);
    r->dirty = record->dirty;
    record->flags &= ~(uint32_t)MR_FD_DIRTY;
    uint32_t wanted = interest_of(record);
    if (r->poller->edge) wanted = wanted ? wanted | record->armed | MR_END | MR_EDGE : record->armed;
    if (wanted == record->armed) continue;
    int error = mr_edge_change(r, record, (uint32_t)fd, wanted);
    if (error < 0 && wanted) mr_refuse(r, record, error);
  }
}

/** The file behind the number is gone or going: its ops end, and what was reported about it is stale. */
static void forget(struct mr_readiness *r, int fd) {
  struct mr_record *record = mr_record_at(r, fd);
  if (r->spare >= 0) mr_limit_forget(r, fd);
  if (!record) return;
  if (record->armed) mr_edge_change(r, record, (uint32_t)fd, 0); // a duplicate elsewhere would keep reporting it
  record->hot = 0;
  record->generation++;
  record->flags &= ~(uint32_t)MR_FD_SOCKET;
  struct mr_op *ops = record->ops;
  for (struct mr_op *op = ops, *next; op; op = next) { // ops that links start on the way are not ours to end
    next = op->next;
    mr_cancel(r, op);
  }
}

void mr_readiness_opened(struct mr_loop *loop, int fd) { forget(loop->state, fd); }
void mr_readiness_closing(struct mr_loop *loop, int fd) { forget(loop->state, fd); }
