// Cancellation of waiting ops, by user_data or by descriptor.
#include "sim.h"

/** What an op has moved already is its result. */
void sim_cancel(struct sim *sim, struct sim_op *op) {
  sim_finish(sim, op, sim_moves(op) && op->done ? (int32_t)op->done : -ECANCELED, 0);
}

static struct sim_op *target_of(struct sim *sim, const struct sim_op *op) {
  if (!(op->op_flags & MR_CANCEL_FD)) return sim_find(sim, op->addr);
  const struct sim_file *file = sim_file_at(sim, op->fd);
  return file ? file->ops : NULL;
}

int sim_try_cancel(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  if (op->op_flags & MR_CANCEL_FD && !sim_file_at(sim, op->fd)) return -EBADF;
  int count = 0;
  for (struct sim_op *target; (target = target_of(sim, op)); count++) {
    sim_cancel(sim, target);
    if (!(op->op_flags & MR_CANCEL_ALL)) return 0;
  }
  return op->op_flags & MR_CANCEL_ALL ? count : -ENOENT;
}
