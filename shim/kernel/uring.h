// What the files of the io_uring kernel share: a ring, its two rungs, and the numbers newer than the headers of Linux
// 6.1. See io_uring_setup(2), io_uring_enter(2), io_uring_register(2).
#ifndef MR_URING_H
#define MR_URING_H

#include "../shim.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup // the same on every architecture that Node runs on
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#define __NR_io_uring_register 427
#endif

#define URING_SETUP_NO_MMAP (1u << 14)        // 6.5; of several pages: 6.10
#define URING_SETUP_NO_SQARRAY (1u << 16)     // 6.6
#define URING_FEAT_RECVSEND_BUNDLE (1u << 14) // 6.10
#define URING_FEAT_MIN_TIMEOUT (1u << 15)     // 6.12
#define URING_FEAT_NO_IOWAIT (1u << 17)       // 6.15
#define URING_ENTER_NO_IOWAIT (1u << 7)       // a wait is no wait for a disk
#define URING_PBUF_RING_INC 2u                // 6.12

/** io_uring_getevents_arg, where what was padding became the time to gather. */
struct uring_getevents {
  uint64_t sigmask;
  uint32_t sigmask_size, min_wait_usec;
  uint64_t time;
};

/** io_uring_buf_reg, where the first padding became flags. */
struct uring_buf_reg {
  uint64_t ring_addr;
  uint32_t ring_entries;
  uint16_t bgid, flags;
  uint64_t resv[3];
};

_Static_assert(sizeof(struct uring_getevents) == sizeof(struct io_uring_getevents_arg), "the same size");
_Static_assert(offsetof(struct uring_getevents, min_wait_usec) == offsetof(struct io_uring_getevents_arg, pad),
               "there");
_Static_assert(sizeof(struct uring_buf_reg) == sizeof(struct io_uring_buf_reg), "the same size");
_Static_assert(offsetof(struct uring_buf_reg, flags) == offsetof(struct io_uring_buf_reg, bgid) + 2, "behind it");

#define URING_SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is not " #theirs)
#ifdef IORING_SETUP_NO_MMAP
URING_SAME(URING_SETUP_NO_MMAP, IORING_SETUP_NO_MMAP);
#endif
#ifdef IORING_SETUP_NO_SQARRAY
URING_SAME(URING_SETUP_NO_SQARRAY, IORING_SETUP_NO_SQARRAY);
#endif
#ifdef IORING_FEAT_RECVSEND_BUNDLE
URING_SAME(URING_FEAT_RECVSEND_BUNDLE, IORING_FEAT_RECVSEND_BUNDLE);
#endif
#ifdef IORING_FEAT_MIN_TIMEOUT
URING_SAME(URING_FEAT_MIN_TIMEOUT, IORING_FEAT_MIN_TIMEOUT);
#endif
#ifdef IORING_FEAT_NO_IOWAIT
URING_SAME(URING_FEAT_NO_IOWAIT, IORING_FEAT_NO_IOWAIT);
#endif
#ifdef IORING_ENTER_NO_IOWAIT
URING_SAME(URING_ENTER_NO_IOWAIT, IORING_ENTER_NO_IOWAIT);
#endif

struct uring {
  int fd;
  int enter_fd;         // what `enter` names it by: the descriptor, or its index among those this task registered
  unsigned enter_flags; // what goes with every enter
  int end;              // hangs up when the ring is gone, with all it had under way; -1: none yet
  int eventfd;          // -1: nobody waits from outside
  bool mapped;          // the rings below are the kernel's own, and the loop's are mirrors of them
  bool min_wait;
  uint32_t *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail, *cq_flags;
  struct mr_sqe *sqes;
  struct mr_cqe *cqes;
  void *rings; // the mapping; null: none
  size_t rings_bytes, sqes_bytes;
};

static inline int mr_uring_register(const struct uring *u, unsigned what, const void *arg, unsigned count) {
  long r = syscall(__NR_io_uring_register, u->fd, what, arg, count);
  return r < 0 ? -errno : (int)r;
}

/** An empty one in loop->state. */
int mr_uring_new(struct mr_loop *loop);
/** The end of an open that came to `r`: nothing is left of one that failed. */
int mr_uring_finish(struct mr_loop *loop, int r);
/** Makes the ring → 0; `params` as the kernel filled them. */
int mr_uring_create(struct mr_loop *loop, struct uring *u, struct io_uring_params *params);
/** What follows on a ring whose pointers are set: descriptors, buffers, features, and the proof that it works. */
int mr_uring_start(struct mr_loop *loop, struct uring *u, const struct io_uring_params *params);
/** The whole proof in the loop's own rings, which are empty again afterwards; -EOPNOTSUPP: it does not work. */
int mr_uring_prove(struct mr_loop *loop);
/** Ends everything under way, and waits for it; -EBUSY: something still is, and may write to the memory. */
int mr_uring_shut(struct uring *u);

int mr_uring_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns);
/** One io_uring_enter → SQEs consumed or -errno; `ns` < 0: for ever. */
int mr_uring_enter_once(const struct uring *u, uint32_t submit, uint32_t min, uint32_t min_wait_us, int64_t ns);
void mr_uring_close(struct mr_loop *loop);
int mr_uring_wait_fd(struct mr_loop *loop);
int mr_uring_watch_host(struct mr_loop *loop, int fd);
void mr_uring_ignore(struct mr_loop *loop, int fd);

/** Moves SQEs from the loop's ring to the kernel's → those that are the kernel's to consume. */
uint32_t mr_mapped_submit(struct mr_loop *loop, struct uring *u, uint32_t submit);
/** Moves CQEs from the kernel's ring to the loop's, as far as there is room. */
void mr_mapped_deliver(struct mr_loop *loop, struct uring *u);

#define MR_URING_KERNEL(name_, open_)                                                                                  \
  {                                                                                                                    \
    .name = name_, .open = open_, .close = mr_uring_close, .enter = mr_uring_enter, .wait_fd = mr_uring_wait_fd,       \
    .watch_host = mr_uring_watch_host, .opened = mr_uring_ignore, .closing = mr_uring_ignore,                          \
  }

#endif
