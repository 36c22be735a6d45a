// What the files of the immediate calls share.
#ifndef MR_CALL_H
#define MR_CALL_H

#include "shim.h"
#include <errno.h>
#include <sys/types.h>

static inline int mr_result_of(ssize_t r) { return r < 0 ? -errno : (int)r; }

/** `bytes` bytes at an offset; null when they do not lie in the memory. */
static inline void *mr_operand(const struct mr_loop *loop, uint32_t offset, uint32_t bytes) {
  return (uint64_t)offset + bytes <= loop->bytes ? loop->base + offset : NULL;
}

// transfer.c
int mr_call_open(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_reopen(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_fstat(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_pread(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_resident(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_sendfile(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_mmap_send(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_splice(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_pipe(struct mr_loop *loop, const struct mr_call_record *call);

// datagram.c
int mr_call_sendmmsg(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_connect(struct mr_loop *loop, const struct mr_call_record *call);
int mr_call_setsockopt_at(struct mr_loop *loop, const struct mr_call_record *call);

#endif
