// The words the cases are written in, and their names.
#ifndef MR_CASES_H
#define MR_CASES_H

#include <netinet/in.h>

#include "twins.h"

#define LINK MR_SQE_FLAG_IO_LINK
#define SKIP MR_SQE_FLAG_CQE_SKIP_SUCCESS
#define SELECT MR_SQE_FLAG_BUFFER_SELECT
#define NOWHERE 9999
#define QUIET_MS 15
#define SOON_MS 1000

#define SQE(...) twin_submit(t, (struct mr_sqe){__VA_ARGS__})
#define NOP(...) SQE(.opcode = MR_OP_NOP, __VA_ARGS__)
#define RECEIVES(...)                                                                                                  \
  SQE(.opcode = MR_OP_RECV, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP, __VA_ARGS__)

static inline uint64_t address(const void *p) { return (uint64_t)(uintptr_t)p; }

static inline uint64_t scratch(struct twin *t) { return address(twin_alloc(t, 64)); }

static inline uint64_t time_of(struct twin *t, int64_t seconds, int64_t nanoseconds) {
  int64_t *time = twin_alloc(t, 16);
  time[0] = seconds;
  time[1] = nanoseconds;
  return address(time);
}

/** A header over up to two parts of the twin's memory. */
struct msghdr *header_of(struct twin *t, size_t parts, size_t part_bytes);
/** Two UDP sockets of the loopback, the second connected to the first, whose address is told. */
void udp_pair(struct twin *t, int ends[2], struct sockaddr_in *first);

void case_bad_descriptors(struct twin *t);
void case_bad_arguments(struct twin *t);
void case_bad_addresses(struct twin *t);
void case_unconnected(struct twin *t);
void case_accepts(struct twin *t);
void case_receives(struct twin *t);
void case_resets(struct twin *t);
void case_polls(struct twin *t);
void case_reads(struct twin *t);
void case_links(struct twin *t);
void case_link_timeouts(struct twin *t);
void case_cancels(struct twin *t);
void case_messages(struct twin *t);
void case_datagrams(struct twin *t);
void case_bad_messages(struct twin *t);
void case_zero_copy(struct twin *t);
void case_bad_zero_copy(struct twin *t);
void case_ring_messages(struct twin *t);

#endif
