// Cancellation of waiting ops, by user_data or by fd.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>

static bool moves(const struct mr_op *op) {
  switch (op->opcode) {
  case MR_OP_SEND:
  case MR_OP_SENDMSG:
  case MR_OP_SEND_ZC:
  case MR_OP_SENDMSG_ZC:
  case MR_OP_RECV:
    return true;
  case MR_OP_RECVMSG:
    return !op->multishot;
  default:
    return false;
  }
}

/** Ends a waiting op. What a send or receive has moved already is its result, as with io_uring. */
void mr_cancel(struct mr_readiness *r, struct mr_op *op) {
  mr_finish(r, op, moves(op) && op->done ? (int32_t)op->done : -ECANCELED, 0);
}

static struct mr_op *target_of(struct mr_readiness *r, const struct mr_op *op) {
  if (!(op->op_flags & MR_CANCEL_FD)) return mr_find(r, op->addr);
  const struct mr_record *record = mr_record_at(r, op->fd);
  return record ? record->ops : NULL;
}

int mr_try_cancel(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)cqe_flags;
  if (op->op_flags & MR_CANCEL_FD && fcntl(op->fd, F_GETFD) < 0) return -EBADF;
  int count = 0;
  for (struct mr_op *target; (target = target_of(r, op)); count++) {
    mr_cancel(r, target);
    if (!(op->op_flags & MR_CANCEL_ALL)) return 0;
  }
  return op->op_flags & MR_CANCEL_ALL ? count : -ENOENT;
}
