// A list of immediate calls, whoever executes them: in order, results in place.
#include "shim.h"
#include <errno.h>

/** Whether all was done that was asked for: only then does a call run that is linked behind it. */
static bool whole(const struct mr_call_record *call) {
  switch (call->op & MR_CALL_OP_MASK) {
  case MR_CALL_SENDMSG:
    return call->result >= 0 && call->result == call->c;
  case MR_CALL_SEND:
  case MR_CALL_PREAD:
  case MR_CALL_PREAD_WAIT:
  case MR_CALL_SENDFILE:
  case MR_CALL_MMAP_SEND:
  case MR_CALL_SPLICE:
  case MR_CALL_SENDMMSG:
    return call->result >= 0 && (uint32_t)call->result == call->b;
  case MR_CALL_RESIDENT:
    return call->result >= 0 && (uint32_t)call->result >= call->a;
  default:
    return call->result >= 0;
  }
}

/** What the core can ignore until the next wake: a whole send, or a plain success. All else it must see at once. */
static bool settled(const struct mr_call_record *call) {
  switch (call->op & MR_CALL_OP_MASK) {
  case MR_CALL_SEND:
  case MR_CALL_SENDMSG:
  case MR_CALL_SENDMMSG:
  case MR_CALL_SETSOCKOPT:
  case MR_CALL_SHUTDOWN:
  case MR_CALL_CLOSE:
    return whole(call);
  default:
    return false;
  }
}

bool mr_calls_each(struct mr_loop *loop, struct mr_call_record *records, uint32_t count, const mr_call_fn *calls,
                   uint32_t known) {
  bool sleep = true, before = true;
  for (struct mr_call_record *call = records, *end = records + count; call < end; call++) {
    uint32_t op = call->op & MR_CALL_OP_MASK;
    mr_call_fn run = op < known ? calls[op] : NULL;
    if (call->op & MR_CALL_LINK && !before)
      call->result = -ECANCELED;
    else
      call->result = run ? run(loop, call) : -EINVAL;
    before = whole(call);
    if (!settled(call)) sleep = false;
  }
  return sleep;
}
