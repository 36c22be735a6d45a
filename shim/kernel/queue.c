// Completions and the life of an op: the CQ and what it has no room for, the pool, the index by user_data, links.
#include "readiness.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPS_PER_CHUNK 255

// Completions

static void put(struct mr_loop *loop, const struct mr_cqe *cqe) {
  uint32_t tail = *loop->cq_tail;
  loop->cqes[tail & loop->cq_mask] = *cqe;
  __atomic_store_n(loop->cq_tail, tail + 1, __ATOMIC_RELEASE);
}

static bool cq_has_room(const struct mr_loop *loop) { return mr_cq_ready(loop) <= loop->cq_mask; }

bool mr_room(const struct mr_readiness *r) { return r->held_count == 0 && cq_has_room(r->loop); }

static void hold(struct mr_readiness *r, const struct mr_cqe *cqe) {
  if (r->held_count == r->held_capacity) {
    uint32_t capacity = r->held_capacity ? r->held_capacity * 2 : 64;
    struct mr_cqe *held = malloc(capacity * sizeof *held);
    if (!held) abort(); // a lost completion would corrupt its owner: there is nothing to go on with
    for (uint32_t i = 0; i < r->held_count; i++) held[i] = r->held[(r->held_head + i) & (r->held_capacity - 1)];
    free(r->held);
    r->held = held;
    r->held_head = 0;
    r->held_capacity = capacity;
  }
  r->held[(r->held_head + r->held_count++) & (r->held_capacity - 1)] = *cqe;
}

void mr_deliver_held(struct mr_readiness *r) {
  for (; r->held_count && cq_has_room(r->loop); r->held_count--)
    put(r->loop, &r->held[r->held_head++ & (r->held_capacity - 1)]);
}

void mr_post(struct mr_readiness *r, uint64_t user_data, int32_t res, uint32_t flags) {
  struct mr_cqe cqe = {user_data, res, flags};
  r->posted++;
  if (mr_room(r))
    put(r->loop, &cqe);
  else
    hold(r, &cqe);
}

void mr_post_last(struct mr_readiness *r, const struct mr_op *op, int32_t res, uint32_t flags) {
  mr_post(r, op->user_data, res, op->state & MR_OP_NOTIFIES ? flags | MR_CQE_FLAG_MORE : flags);
  if (op->state & MR_OP_NOTIFIES)
    mr_post(r, op->user_data, op->state & MR_OP_USAGE ? (int32_t)MR_NOTIF_COPIED : 0, MR_CQE_FLAG_NOTIF);
}

/** Linux notifies even here, but does not announce it with F_MORE. */
void mr_post_unstarted(struct mr_readiness *r, const struct mr_op *op, int32_t res) {
  mr_post(r, op->user_data, res, 0);
  if (op->state & MR_OP_NOTIFIES)
    mr_post(r, op->user_data, op->state & MR_OP_USAGE ? (int32_t)MR_NOTIF_COPIED : 0, MR_CQE_FLAG_NOTIF);
}

// The pool: chunks that are never given back, so that a loop at work does not allocate.

struct chunk {
  struct chunk *next;
  struct mr_op ops[OPS_PER_CHUNK];
};

struct mr_op *mr_op_new(struct mr_readiness *r) {
  if (!r->free_ops) {
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk) return NULL;
    chunk->next = r->op_chunks;
    r->op_chunks = chunk;
    for (int i = OPS_PER_CHUNK - 1; i >= 0; i--) {
      chunk->ops[i].state = 0;
      chunk->ops[i].next = r->free_ops;
      r->free_ops = &chunk->ops[i];
    }
  }
  struct mr_op *op = r->free_ops;
  r->free_ops = op->next;
  return op;
}

void mr_op_free(struct mr_readiness *r, struct mr_op *op) {
  if (op->state & MR_OP_OWNED) free(mr_pointer(op->addr));
  op->state = 0;
  op->next = r->free_ops;
  r->free_ops = op;
}

void mr_op_free_all(struct mr_readiness *r) {
  for (struct chunk *chunk = r->op_chunks, *next; chunk; chunk = next) {
    next = chunk->next;
    for (int i = 0; i < OPS_PER_CHUNK; i++)
      if (chunk->ops[i].state & MR_OP_OWNED) free(mr_pointer(chunk->ops[i].addr));
    free(chunk);
  }
  free(r->buckets);
}

// The index of waiting ops by user_data, for cancellation: chained buckets, doubled when the chains get long.

static struct mr_op **bucket_of(const struct mr_readiness *r, uint64_t user_data) {
  return &r->buckets[(user_data * 0x9e3779b97f4a7c15u) >> 32 & r->bucket_mask];
}

static void grow_index(struct mr_readiness *r) {
  uint32_t old_count = r->buckets ? r->bucket_mask + 1 : 0, count = old_count ? old_count * 2 : 64;
  struct mr_op **old = r->buckets, **buckets = calloc(count, sizeof(struct mr_op *));
  if (!buckets) {
    if (!old) abort(); // see hold()
    return;            // longer chains still find everything
  }
  r->buckets = buckets;
  r->bucket_mask = count - 1;
  for (uint32_t i = 0; i < old_count; i++)
    for (struct mr_op *op = old[i], *next; op; op = next) {
      struct mr_op **bucket = bucket_of(r, op->user_data);
      next = op->same;
      op->same = *bucket;
      *bucket = op;
    }
  free(old);
}

void mr_index(struct mr_readiness *r, struct mr_op *op) {
  if (!r->buckets || r->waiting > r->bucket_mask) grow_index(r);
  struct mr_op **bucket = bucket_of(r, op->user_data);
  op->same = *bucket;
  *bucket = op;
  r->waiting++;
}

void mr_unindex(struct mr_readiness *r, struct mr_op *op) {
  struct mr_op **at = bucket_of(r, op->user_data);
  while (*at != op) at = &(*at)->same;
  *at = op->same;
  r->waiting--;
}

struct mr_op *mr_find(struct mr_readiness *r, uint64_t user_data) {
  if (!r->waiting) return NULL;
  struct mr_op *op = *bucket_of(r, user_data);
  while (op && op->user_data != user_data) op = op->same;
  return op;
}

// Links

/** Whether a result breaks the chain behind it. */
bool mr_failed(const struct mr_op *op, int32_t res) {
  if (res < 0) return true;
  switch (op->opcode) {
  case MR_OP_READ:
  case MR_OP_WRITE:
    return (uint32_t)res != op->len;
  case MR_OP_SEND:
  case MR_OP_SENDMSG:
  case MR_OP_SEND_ZC:
  case MR_OP_SENDMSG_ZC:
  case MR_OP_RECV:
  case MR_OP_RECVMSG:
    return op->op_flags & MR_MSG_WAITALL && (uint32_t)res != op->len;
  default:
    return false;
  }
}

static void break_chain(struct mr_readiness *r, struct mr_op *link, bool silent) {
  for (struct mr_op *next; link; link = next) {
    next = link->link;
    if (!silent) mr_post_unstarted(r, link, -ECANCELED);
    mr_op_free(r, link);
  }
}

/** Posts the final CQE of an op of the pool that is in no list any more → the linked op to run next. */
static struct mr_op *complete(struct mr_readiness *r, struct mr_op *op, int32_t res, uint32_t cqe_flags) {
  bool failed = mr_failed(op, res), skip = op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS;
  struct mr_op *link = op->link;
  if (failed || !skip) mr_post_last(r, op, res, cqe_flags);
  if (op->opcode == MR_OP_TIMEOUT) r->posted--; // timeouts do not count for timeouts
  mr_op_free(r, op);
  if (link && link->opcode == MR_OP_LINK_TIMEOUT) { // the op won
    struct mr_op *guard = link;
    link = guard->link;
    if (guard->state & MR_OP_WAITING) mr_timer_remove(r, guard);
    if (!(guard->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS)) mr_post(r, guard->user_data, -ECANCELED, 0);
    mr_op_free(r, guard);
  }
  if (!failed) return link;
  break_chain(r, link, skip); // a failed op that skips its CQE silences the chain behind it
  return NULL;
}

void mr_run(struct mr_readiness *r, struct mr_op *op) {
  while (op) {
    uint32_t flags = 0;
    int res = mr_attempt(r, op, &flags);
    if (res == MR_WAIT) res = mr_park(r, op);
    if (res == MR_WAIT) return;
    op = complete(r, op, res, flags);
  }
}

bool mr_finish(struct mr_readiness *r, struct mr_op *op, int32_t res, uint32_t cqe_flags) {
  mr_unpark(r, op);
  struct mr_op *link = complete(r, op, res, cqe_flags);
  mr_run(r, link);
  return link != NULL;
}
