// The life of an op: it runs, waits, and completes exactly once; then those linked behind it run.
#include "sim.h"

struct sim_op *sim_op_new(struct sim *sim) {
  return sim_alloc(sim, sizeof(struct sim_op));
}

void sim_op_free(struct sim *sim, struct sim_op *op) {
  sim_unschedule(sim, &op->event);
  if (op->state & SIM_OP_OWNED) sim_free(sim, mr_pointer(op->addr));
  sim_free(sim, op);
}

// The index of waiting ops by user_data

static struct sim_op **bucket_of(const struct sim *sim, uint64_t user_data) {
  return &sim->buckets[(user_data * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & sim->bucket_mask];
}

static void index_grow(struct sim *sim) {
  uint32_t had = sim->buckets ? sim->bucket_mask + 1 : 0, count = had ? had * 2 : 64;
  struct sim_op **old = sim->buckets;
  sim->buckets = sim_alloc(sim, count * sizeof *sim->buckets);
  sim->bucket_mask = count - 1;
  for (uint32_t i = 0; i < had; i++)
    for (struct sim_op *op = old[i], *next; op; op = next) {
      struct sim_op **bucket = bucket_of(sim, op->user_data);
      next = op->same;
      op->same = *bucket;
      *bucket = op;
    }
  sim_free(sim, old);
}

static void index_add(struct sim *sim, struct sim_op *op) {
  if (!sim->buckets || sim->waiting > sim->bucket_mask) index_grow(sim);
  struct sim_op **bucket = bucket_of(sim, op->user_data);
  op->same = *bucket;
  *bucket = op;
  sim->waiting++;
}

static void index_remove(struct sim *sim, struct sim_op *op) {
  struct sim_op **at = bucket_of(sim, op->user_data);
  while (*at != op) at = &(*at)->same;
  *at = op->same;
  sim->waiting--;
}

struct sim_op *sim_find(struct sim *sim, uint64_t user_data) {
  if (!sim->waiting) return NULL;
  struct sim_op *op = *bucket_of(sim, user_data);
  while (op && op->user_data != user_data) op = op->same;
  return op;
}

// Waiting

static struct sim_op **list_of(struct sim *sim, struct sim_op *op) { return op->file ? &op->file->ops : &sim->loose; }

static void park(struct sim *sim, struct sim_op *op) {
  struct sim_op **at = list_of(sim, op);
  while (*at) at = &(*at)->next;
  *at = op;
  op->next = NULL;
  op->state |= SIM_OP_WAITING;
  index_add(sim, op);
  sim_guard(sim, op);
}

static void unpark(struct sim *sim, struct sim_op *op) {
  struct sim_op **at = list_of(sim, op);
  while (*at != op) at = &(*at)->next;
  *at = op->next;
  op->state &= ~SIM_OP_WAITING;
  index_remove(sim, op);
}

/** An op of no file is tried again by itself, one of a file in its turn. */
static void delay_over(struct sim *sim, struct sim_event *event) {
  struct sim_op *op = SIM_OF(struct sim_op, event, event);
  op->state = (op->state & ~SIM_OP_DELAYED) | SIM_OP_LATE;
  if (op->file) {
    sim_wake(sim, op->file, SIM_LOOK);
    return;
  }
  uint32_t flags = 0;
  int res = sim_attempt(sim, op, &flags);
  if (res != SIM_WAIT) sim_finish(sim, op, res, flags);
}

int sim_delay(struct sim *sim, struct sim_op *op, uint64_t ns) {
  op->state |= SIM_OP_DELAYED;
  op->event.fire = delay_over;
  sim_schedule(sim, &op->event, sim->now + ns);
  return SIM_WAIT;
}

// Completing

bool sim_moves(const struct sim_op *op) {
  switch (op->opcode) {
  case MR_OP_SEND:
  case MR_OP_SENDMSG:
  case MR_OP_SEND_ZC:
  case MR_OP_SENDMSG_ZC:
  case MR_OP_RECV:
  case MR_OP_RECVMSG:
    return true;
  default:
    return false;
  }
}

bool sim_failed(const struct sim_op *op, int32_t res) {
  if (res < 0) return true;
  if (op->opcode == MR_OP_READ || op->opcode == MR_OP_WRITE) return (uint32_t)res != op->len;
  return sim_moves(op) && op->op_flags & MR_MSG_WAITALL && (uint32_t)res != op->len;
}

static bool is_zero_copy(const struct sim_op *op) {
  return op->opcode == MR_OP_SEND_ZC || op->opcode == MR_OP_SENDMSG_ZC;
}

/** A chain that was broken: nobody in it runs. */
static void cancel_chain(struct sim *sim, struct sim_op *link, bool silent) {
  for (struct sim_op *next; link; link = next) {
    next = link->link;
    if (!silent) sim_post(sim, link->user_data, -ECANCELED, 0);
    sim_op_free(sim, link);
  }
}

/** The final CQE of an op that is in no list → the op to run next. */
static struct sim_op *complete(struct sim *sim, struct sim_op *op, int32_t res, uint32_t flags) {
  bool failed = sim_failed(op, res), skips = op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS;
  struct sim_op *link = op->link;
  if (is_zero_copy(op)) flags |= sim_notice(sim, op); // of a failure too
  if (failed || !skips) sim_post(sim, op->user_data, res, flags);
  if (op->opcode == MR_OP_TIMEOUT) {
    if (failed || !skips) sim->posted--; // timeouts do not count for timeouts
    if (op->state & SIM_OP_COUNTED) sim->counted--;
  }
  sim_op_free(sim, op);
  if (link && link->opcode == MR_OP_LINK_TIMEOUT) { // the op was quicker
    struct sim_op *guard = link;
    link = guard->link;
    if (!(guard->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS)) sim_post(sim, guard->user_data, -ECANCELED, 0);
    sim_op_free(sim, guard);
  }
  if (!failed) return link;
  cancel_chain(sim, link, skips);
  return NULL;
}

void sim_run(struct sim *sim, struct sim_op *op) {
  while (op) {
    uint32_t flags = 0;
    int res = sim_attempt(sim, op, &flags);
    if (res == SIM_WAIT) {
      park(sim, op);
      return;
    }
    op = complete(sim, op, res, flags);
  }
}

bool sim_finish(struct sim *sim, struct sim_op *op, int32_t res, uint32_t flags) {
  unpark(sim, op);
  struct sim_op *link = complete(sim, op, res, flags);
  sim_run(sim, link);
  return link != NULL;
}

static void drop_list(struct sim *sim, struct sim_op **list) {
  for (struct sim_op *op = *list, *next; op; op = next) {
    next = op->next;
    for (struct sim_op *link = op->link, *after; link; link = after) {
      after = link->link;
      sim_op_free(sim, link);
    }
    sim_op_free(sim, op);
  }
  *list = NULL;
}

void sim_ops_drop(struct sim *sim) {
  for (uint32_t i = 0; i < sim->file_slots; i++)
    if (sim->files[i]) drop_list(sim, &sim->files[i]->ops);
  drop_list(sim, &sim->loose);
  drop_list(sim, &sim->notices);
  sim_free(sim, sim->buckets);
}
