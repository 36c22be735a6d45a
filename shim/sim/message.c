// Messages from loop to loop: a completion in another simulation of this process, which must be of the same thread.
#include "sim.h"

int sim_try_msg_ring(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  bool pass = op->op_flags & MR_MSG_RING_FLAGS_PASS;
  struct mr_loop *loop = op->fd >= SIM_RING_FD ? mr_loop_at(op->fd - SIM_RING_FD) : NULL;
  if (!loop || loop->kernel != &mr_kernel_sim) return sim_file_at(sim, op->fd) ? -EBADFD : -EBADF;
  if (op->addr || (!pass && op->index)) return -EINVAL;
  sim_post(loop->state, op->off, (int32_t)op->len, pass ? (uint32_t)op->index : 0);
  return 0;
}
