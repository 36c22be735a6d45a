// Setting up an io_uring, and taking it down so that nothing is left that could write to the memory; the first rung,
// whose rings are in the linear memory.
#include "uring.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROBED_OPS 64
/** What a close waits for requests that do not end by themselves: a disk, a peer that does not acknowledge. */
#define CLOSE_MS 1000
#define RUNS_MOST 64
/** The last words of the two structs of offsets, which newer headers call user_addr. */
#define SQ_USER_ADDR (offsetof(struct io_uring_params, sq_off) + sizeof(struct io_sqring_offsets) - sizeof(uint64_t))
#define CQ_USER_ADDR (offsetof(struct io_uring_params, cq_off) + sizeof(struct io_cqring_offsets) - sizeof(uint64_t))

#define IN_MEMORY                                                                                                      \
  (URING_SETUP_NO_MMAP | URING_SETUP_NO_SQARRAY | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |            \
   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE)

int mr_uring_create(struct mr_loop *loop, struct uring *u, struct io_uring_params *params) {
  params->cq_entries = MR_CONTROL(loop, uint32_t, CQ_ENTRIES);
  long fd = syscall(__NR_io_uring_setup, MR_CONTROL(loop, uint32_t, SQ_ENTRIES), params);
  if (fd < 0) return -errno;
  u->fd = u->enter_fd = (int)fd;
  return 0;
}

/** The ring holds the one end of a pipe, and lets go of it with its last request. */
static int watch_end(struct uring *u) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
  int r = mr_uring_register(u, IORING_REGISTER_FILES, &ends[1], 1);
  close(ends[1]);
  if (r < 0)
    close(ends[0]);
  else
    u->end = ends[0];
  return r;
}

/** Spares every enter the look-up of the descriptor, which costs where a process has several threads. */
static void name_by_index(struct uring *u) {
  struct io_uring_rsrc_update update = {.offset = -1u, .data = (uint32_t)u->fd};
  if (mr_uring_register(u, IORING_REGISTER_RING_FDS, &update, 1) != 1) return; // a thread has 16
  u->enter_fd = (int)update.offset;
  u->enter_flags |= IORING_ENTER_REGISTERED_RING;
}

static bool knows(const struct uring *u, unsigned op) {
  struct {
    struct io_uring_probe head;
    struct io_uring_probe_op ops[PROBED_OPS];
  } probe = {0};
  if (mr_uring_register(u, IORING_REGISTER_PROBE, &probe, PROBED_OPS) < 0) return false;
  return op <= probe.head.last_op && op < PROBED_OPS && probe.ops[op].flags & IO_URING_OP_SUPPORTED;
}

static uint32_t features_of(struct uring *u, uint32_t offered) {
  uint32_t features = MR_FEATURE_SEND_SQE | MR_FEATURE_ASYNC_FILES;
  u->min_wait = (offered & URING_FEAT_MIN_TIMEOUT) != 0;
  if (u->min_wait) features |= MR_FEATURE_MIN_WAIT;
  if (offered & URING_FEAT_RECVSEND_BUNDLE) features |= MR_FEATURE_BUNDLE;
  if (offered & URING_FEAT_NO_IOWAIT) u->enter_flags |= URING_ENTER_NO_IOWAIT;
  if (knows(u, MR_OP_SEND_ZC) && knows(u, MR_OP_SENDMSG_ZC)) features |= MR_FEATURE_SEND_ZC;
  return features;
}

static int provide_as(struct mr_loop *loop, const struct uring *u, uint32_t mode) {
  struct uring_buf_reg group = {.ring_addr = (uintptr_t)loop->buffers,
                                .ring_entries = loop->buffer_mask + 1,
                                .bgid = MR_BUF_GROUP,
                                .flags = mode == MR_BUFFERS_INCREMENTAL ? URING_PBUF_RING_INC : 0};
  memset(loop->buffers, 0, sizeof *loop->buffers * group.ring_entries);
  MR_CONTROL(loop, uint32_t, BUFFER_MODE) = mode;
  return mr_uring_register(u, IORING_REGISTER_PBUF_RING, &group, 1);
}

static int withdraw(const struct uring *u) {
  struct uring_buf_reg group = {.bgid = MR_BUF_GROUP};
  return mr_uring_register(u, IORING_UNREGISTER_PBUF_RING, &group, 1);
}

/** Proves the ring with buffers of one mode, and registers them anew, so that core and kernel both begin at entry 0. */
static int prove_with(struct mr_loop *loop, const struct uring *u, uint32_t mode) {
  int r = provide_as(loop, u, mode);
  if (r < 0) return r;
  r = mr_uring_prove(loop);
  int withdrawn = withdraw(u);
  if (r == 0) r = withdrawn;
  return r == 0 ? provide_as(loop, u, mode) : r;
}

int mr_uring_start(struct mr_loop *loop, struct uring *u, const struct io_uring_params *params) {
  uint32_t count = MR_CONTROL(loop, uint32_t, BUFFER_ENTRIES), wished = MR_CONTROL(loop, uint32_t, BUFFER_MODE);
  if (!(params->features & IORING_FEAT_EXT_ARG) || !(params->features & IORING_FEAT_NODROP)) return -EOPNOTSUPP;
  int r = watch_end(u);
  if (r < 0) return r;
  name_by_index(u);
  MR_CONTROL(loop, uint32_t, FEATURES) = features_of(u, params->features);
  MR_CONTROL(loop, int32_t, RING_FD) = u->fd;
  if (!count) return mr_uring_prove(loop);
  loop->buffers = (struct mr_buf *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, BUFFER_RING));
  loop->buffer_mask = count - 1;
  if (wished == MR_BUFFERS_INCREMENTAL && prove_with(loop, u, MR_BUFFERS_INCREMENTAL) == 0) return 0;
  return prove_with(loop, u, MR_BUFFERS_PLAIN);
}

static void cancel_all(const struct uring *u) {
  struct io_uring_sync_cancel_reg all = {.fd = -1, .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL};
  mr_uring_register(u, IORING_REGISTER_SYNC_CANCEL, &all, 1);
  for (int i = 0; i < RUNS_MOST && mr_uring_enter_once(u, 0, 0, 0, 0) >= 0; i++)
    if (!(__atomic_load_n(u->sq_flags, __ATOMIC_ACQUIRE) & IORING_SQ_TASKRUN)) return;
}

static int wait_for_end(const struct uring *u) {
  struct pollfd end = {.fd = u->end, .events = POLLIN};
  int64_t deadline = (int64_t)mr_now_ns() + CLOSE_MS * INT64_C(1000000);
  for (;;) {
    int64_t left = deadline - (int64_t)mr_now_ns();
    int n = poll(&end, 1, left <= 0 ? 0 : (int)(left / 1000000) + 1);
    if (n > 0) return 0;
    if (left <= 0) return -EBUSY;
  }
}

int mr_uring_shut(struct uring *u) {
  int r = 0;
  if (u->sq_flags) cancel_all(u);
  if (u->enter_flags & IORING_ENTER_REGISTERED_RING) {
    struct io_uring_rsrc_update update = {.offset = (uint32_t)u->enter_fd};
    mr_uring_register(u, IORING_UNREGISTER_RING_FDS, &update, 1);
  }
  if (u->rings) munmap(u->rings, u->rings_bytes);
  if (u->rings && u->sqes) munmap(u->sqes, u->sqes_bytes);
  close(u->fd);
  if (u->eventfd >= 0) close(u->eventfd);
  if (u->end >= 0) {
    r = wait_for_end(u);
    close(u->end);
  }
  return r;
}

int mr_uring_new(struct mr_loop *loop) {
  struct uring *u = calloc(1, sizeof *u);
  if (!u) return -ENOMEM;
  u->fd = u->end = u->eventfd = -1;
  loop->state = u;
  return 0;
}

int mr_uring_finish(struct mr_loop *loop, int r) {
  struct uring *u = loop->state;
  if (r == 0) return 0;
  if (u->fd >= 0) mr_uring_shut(u);
  free(u);
  return r;
}

static int open_in_memory(struct mr_loop *loop, struct uring *u) {
  uint8_t *rings = loop->base + MR_CONTROL(loop, uint32_t, RINGS);
  uint8_t *sqes = loop->base + MR_CONTROL(loop, uint32_t, SQES);
  struct io_uring_params params = {.flags = IN_MEMORY};
  const uint64_t places[] = {(uintptr_t)sqes, (uintptr_t)rings};
  memcpy((uint8_t *)&params + SQ_USER_ADDR, &places[0], sizeof places[0]);
  memcpy((uint8_t *)&params + CQ_USER_ADDR, &places[1], sizeof places[1]);
  memset(rings, 0, MR_RINGS_BYTES_FIXED);
  int r = mr_uring_create(loop, u, &params);
  if (r < 0) return r;
  if (params.cq_off.cqes > MR_RINGS_BYTES_FIXED) return -EOPNOTSUPP;
  u->sq_head = loop->sq_head = (uint32_t *)(void *)(rings + params.sq_off.head);
  u->sq_tail = loop->sq_tail = (uint32_t *)(void *)(rings + params.sq_off.tail);
  u->cq_head = loop->cq_head = (uint32_t *)(void *)(rings + params.cq_off.head);
  u->cq_tail = loop->cq_tail = (uint32_t *)(void *)(rings + params.cq_off.tail);
  u->sq_flags = (uint32_t *)(void *)(rings + params.sq_off.flags);
  u->cq_flags = (uint32_t *)(void *)(rings + params.cq_off.flags);
  loop->cqes = (struct mr_cqe *)(void *)(rings + params.cq_off.cqes);
  loop->sqes = (struct mr_sqe *)(void *)sqes;
  loop->sq_mask = params.sq_entries - 1;
  loop->cq_mask = params.cq_entries - 1;
  return mr_uring_start(loop, u, &params);
}

static int uring_open(struct mr_loop *loop) {
  int r = mr_uring_new(loop);
  return r < 0 ? r : mr_uring_finish(loop, open_in_memory(loop, loop->state));
}

const struct mr_kernel mr_kernel_uring = MR_URING_KERNEL("uring", uring_open);
