// A list of immediate calls, whoever executes them: in order, results in place.
#include "shim.h"
#include <errno.h>

/** What the core can ignore until the next wake: a whole send, or a plain success. All else it must see at once. */
static bool settled(const struct mr_call_record *call) {
  switch (call->op) {
  case MR_CALL_SEND:
    return call->result >= 0 && (uint32_t)call->result == call->b;
  case MR_CALL_SENDMSG:
    return call->result >= 0 && call->result == call->c;
  case MR_CALL_SETSOCKOPT:
  case MR_CALL_SHUTDOWN:
  case MR_CALL_CLOSE:
    return call->result == 0;
  default:
    return false;
  }
}

bool mr_calls_each(struct mr_loop *loop, struct mr_call_record *records, uint32_t count, const mr_call_fn *calls,
                   uint32_t known) {
  bool sleep = true;
  for (struct mr_call_record *call = records, *end = records + count; call < end; call++) {
    mr_call_fn run = call->op < known ? calls[call->op] : NULL;
    call->result = run ? run(loop, call) : -EINVAL;
    if (!settled(call)) sleep = false;
  }
  return sleep;
}
