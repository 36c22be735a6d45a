// A ring of the machine's own io_uring beside a loop of an emulation, driven by the same words and logging the same
// lines.
#ifndef MR_TWINS_H
#define MR_TWINS_H

#include "shim.h"
#include <netinet/in.h>

#define BUFFERS 4
#define BUFFER_BYTES 64

struct twin {
  const char *name;
  uint8_t *memory; // control block, rings, buffers, scratch
  uint8_t *scratch, *scratch_end;
  struct mr_buf *buffers;
  uint8_t *buffer_bytes;
  bool real;
  int ring; // the io_uring, or the loop
  uint32_t *sq_head, *sq_tail, *sq_mask, *cq_head, *cq_tail, *cq_mask;
  struct mr_sqe *sqes;
  struct mr_cqe *cqes;
  int fds[64]; // closed after each case
  int fd_count;
  char log[4096];
  struct twin *other; // a second ring of the same kind, for messages between rings
};

/** 0, or the -errno of io_uring_setup. */
int twin_open_real(struct twin *t);
int twin_open_emulation(struct twin *t, int kernel);
void twin_close(struct twin *t);
/** Between cases: closes its descriptors, takes its completions, empties its log. */
void twin_reset(struct twin *t);

void *twin_alloc(struct twin *t, size_t bytes);
int twin_own(struct twin *t, int fd);
void twin_shut(struct twin *t, int fd);
/** What MSG_RING names this ring by. */
int twin_name(const struct twin *t);
/** A line of the case's own, beside the completions. */
void twin_note(struct twin *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Two ends of a TCP connection. */
void twin_pair(struct twin *t, int ends[2]);
int twin_listener(struct twin *t, struct sockaddr_in *address);
void twin_provide(struct twin *t, uint16_t id);

void twin_submit(struct twin *t, struct mr_sqe sqe);
/** Enters, waits up to `ms` for `count` completions, and logs them in the order of their user_data. */
void twin_wait(struct twin *t, unsigned count, int ms);
/** Enters without waiting or logging. */
void twin_settle(struct twin *t);
/** Takes up to `count` completions within `ms` without logging them → how many there were. */
unsigned twin_count(struct twin *t, unsigned count, int ms);

#endif
