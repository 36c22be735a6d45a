// The second rung of the io_uring kernel, for a Linux that does not take rings in memory of ours (before 6.10): the
// rings are the kernel's, mapped here. SQEs are copied in before an enter; CQEs are copied out as the core makes room,
// and wait in the kernel's ring until then. The core cannot tell the difference.
#include "uring.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/** The best a kernel takes: completed only when we ask (6.1), at least without interrupts (5.19), or as ever. */
static const uint32_t flags_in_order[] = {
    IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER |
        IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN,
    IORING_SETUP_CQSIZE,
};

static int create(struct mr_loop *loop, struct uring *u, struct io_uring_params *params) {
  int r = -EINVAL;
  for (size_t i = 0; i < sizeof flags_in_order / sizeof *flags_in_order && r == -EINVAL; i++) {
    *params = (struct io_uring_params){.flags = flags_in_order[i]};
    r = mr_uring_create(loop, u, params);
  }
  return r;
}

static int map_rings(struct uring *u, const struct io_uring_params *params) {
  if (!(params->features & IORING_FEAT_SINGLE_MMAP)) return -EOPNOTSUPP;
  size_t sq = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
  size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct mr_cqe);
  const int access = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_POPULATE;
  u->rings_bytes = sq > cq ? sq : cq;
  u->sqes_bytes = params->sq_entries * sizeof(struct mr_sqe);
  uint8_t *rings = mmap(NULL, u->rings_bytes, access, how, u->fd, IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return -errno;
  u->rings = rings;
  void *sqes = mmap(NULL, u->sqes_bytes, access, how, u->fd, IORING_OFF_SQES);
  if (sqes == MAP_FAILED) return -errno;
  u->sqes = sqes;
  u->sq_head = (uint32_t *)(void *)(rings + params->sq_off.head);
  u->sq_tail = (uint32_t *)(void *)(rings + params->sq_off.tail);
  u->cq_head = (uint32_t *)(void *)(rings + params->cq_off.head);
  u->cq_tail = (uint32_t *)(void *)(rings + params->cq_off.tail);
  u->sq_flags = (uint32_t *)(void *)(rings + params->sq_off.flags);
  u->cq_flags = (uint32_t *)(void *)(rings + params->cq_off.flags);
  u->cqes = (struct mr_cqe *)(void *)(rings + params->cq_off.cqes);
  uint32_t *array = (uint32_t *)(void *)(rings + params->sq_off.array);
  for (uint32_t i = 0; i < params->sq_entries; i++) array[i] = i;
  return 0;
}

/** The core's rings: plain memory, as for any kernel that is not io_uring. */
static void lay_mirrors(struct mr_loop *loop) {
  uint8_t *rings = loop->base + MR_CONTROL(loop, uint32_t, RINGS);
  memset(rings, 0, MR_RINGS_BYTES_FIXED);
  loop->sq_head = (uint32_t *)(void *)rings;
  loop->sq_tail = loop->sq_head + 1;
  loop->cq_head = loop->sq_head + 2;
  loop->cq_tail = loop->sq_head + 3;
  loop->cqes = (struct mr_cqe *)(void *)(rings + MR_RINGS_BYTES_FIXED);
  loop->sqes = (struct mr_sqe *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, SQES));
  loop->sq_mask = MR_CONTROL(loop, uint32_t, SQ_ENTRIES) - 1;
  loop->cq_mask = MR_CONTROL(loop, uint32_t, CQ_ENTRIES) - 1;
}

uint32_t mr_mapped_submit(struct mr_loop *loop, struct uring *u, uint32_t submit) {
  uint32_t from = *loop->sq_head, to = *u->sq_tail, mask = loop->sq_mask;
  uint32_t left = to - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE); // what an enter before could not take
  uint32_t room = mask + 1 - left, n = submit < room ? submit : room;
  for (uint32_t i = 0; i < n; i++) u->sqes[(to + i) & mask] = loop->sqes[(from + i) & mask];
  __atomic_store_n(u->sq_tail, to + n, __ATOMIC_RELEASE);
  __atomic_store_n(loop->sq_head, from + n, __ATOMIC_RELEASE);
  return left + n;
}

void mr_mapped_deliver(struct mr_loop *loop, struct uring *u) {
  uint32_t from = *u->cq_head, to = *loop->cq_tail, mask = loop->cq_mask;
  uint32_t room = mask + 1 - mr_cq_ready(loop), n = __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) - from;
  if (n > room) n = room;
  if (!n) return;
  for (uint32_t i = 0; i < n; i++) loop->cqes[(to + i) & mask] = u->cqes[(from + i) & mask];
  __atomic_store_n(u->cq_head, from + n, __ATOMIC_RELEASE);
  __atomic_store_n(loop->cq_tail, to + n, __ATOMIC_RELEASE);
}

static int open_mapped(struct mr_loop *loop, struct uring *u) {
  struct io_uring_params params;
  int r = create(loop, u, &params);
  if (r < 0) return r;
  u->mapped = true;
  r = map_rings(u, &params);
  if (r < 0) return r;
  lay_mirrors(loop);
  return mr_uring_start(loop, u, &params);
}

static int mapped_open(struct mr_loop *loop) {
  int r = mr_uring_new(loop);
  return r < 0 ? r : mr_uring_finish(loop, open_mapped(loop, loop->state));
}

const struct mr_kernel mr_kernel_uring_mapped = MR_URING_KERNEL("uring-mapped", mapped_open);
