// Timeouts: alone, counted, and as guards of the op before them.
#include "sim.h"

static uint64_t deadline_of(const struct sim *sim, const struct sim_op *op) {
  uint64_t deadline;
  if (op->op_flags & MR_TIMEOUT_ABS) return op->addr;
  return __builtin_add_overflow(sim->now, op->addr, &deadline) ? SIM_NEVER : deadline;
}

static void timeout_fires(struct sim *sim, struct sim_event *event) {
  sim_finish(sim, SIM_OF(struct sim_op, event, event), -ETIME, 0);
}

/** One beyond the clock waits without an event. */
static void start(struct sim *sim, struct sim_op *op) {
  uint64_t deadline = deadline_of(sim, op);
  if (deadline != SIM_NEVER) sim_schedule(sim, &op->event, deadline);
}

int sim_try_timeout(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  op->event.fire = timeout_fires;
  start(sim, op);
  if (op->off) { // counts the completions from here on
    op->done = sim->posted + (uint32_t)op->off;
    op->state |= SIM_OP_COUNTED;
    sim->counted++;
  }
  return SIM_WAIT;
}

void sim_counted_fire(struct sim *sim) {
  for (struct sim_op *op = sim->counted ? sim->loose : NULL; op;) {
    if (op->state & SIM_OP_COUNTED && (int32_t)(sim->posted - op->done) >= 0) {
      sim_finish(sim, op, 0, 0);
      op = sim->counted ? sim->loose : NULL; // the list has changed
    } else
      op = op->next;
  }
}

int sim_try_timeout_remove(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  struct sim_op *target = sim_find(sim, op->addr);
  while (target && (target->opcode != MR_OP_TIMEOUT || target->user_data != op->addr)) target = target->same;
  if (!target) return -ENOENT;
  sim_cancel(sim, target);
  return 0;
}

/** A guard at its deadline cancels its op, and with it the chain behind them. */
static void guard_fires(struct sim *sim, struct sim_event *event) {
  struct sim_op *guard = SIM_OF(struct sim_op, event, event), *op = guard->guards;
  uint64_t user_data = guard->user_data;
  op->link = guard->link;
  sim_op_free(sim, guard);
  sim_cancel(sim, op);
  sim_post(sim, user_data, -ETIME, 0);
}

void sim_guard(struct sim *sim, struct sim_op *op) {
  struct sim_op *guard = op->link;
  if (!guard || guard->opcode != MR_OP_LINK_TIMEOUT) return;
  guard->guards = op;
  guard->event.fire = guard_fires;
  start(sim, guard);
}
