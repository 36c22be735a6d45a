// The proof that an io_uring does what the core needs, in the rings and with the buffer ring of the loop itself: a
// multishot receive that brings bytes twice, and its cancel. Version numbers and feature bits promise it; backports,
// sandboxes and emulators have broken such promises.
#include "uring.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORD "millrace"
#define WORD_BYTES 8u
#define PATIENCE_NS INT64_C(2000000000)
/** Names that no other ring's message bears by chance. */
#define RECEIVE UINT64_C(0x6d696c6c72616365)
#define CANCEL (RECEIVE + 1)

static void submit(struct mr_loop *loop, struct mr_sqe sqe) {
  uint32_t tail = *loop->sq_tail;
  loop->sqes[tail & loop->sq_mask] = sqe;
  __atomic_store_n(loop->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/**
 * The next completion of ours that is there. A thread may still write to a ring that is gone, whose descriptor is now
 * ours: such messages are for nobody.
 */
static bool take(struct mr_loop *loop, struct mr_cqe *cqe) {
  while (mr_cq_ready(loop)) {
    uint32_t head = *loop->cq_head;
    *cqe = loop->cqes[head & loop->cq_mask];
    __atomic_store_n(loop->cq_head, head + 1, __ATOMIC_RELEASE);
    if (cqe->user_data == RECEIVE || cqe->user_data == CANCEL) return true;
  }
  return false;
}

/** The next completion of ours, for which it waits. */
static int next(struct mr_loop *loop, struct mr_cqe *cqe) {
  int64_t deadline = (int64_t)mr_now_ns() + PATIENCE_NS;
  while (!take(loop, cqe)) {
    int64_t left = deadline - (int64_t)mr_now_ns();
    int r = left > 0 ? mr_uring_enter(loop, mr_sq_pending(loop), 1, left) : -ETIME;
    if (r == -ETIME) return -EOPNOTSUPP;
    if (r < 0) return r;
  }
  return 0;
}

static void provide(struct mr_loop *loop, uint8_t *place, uint16_t tail) {
  struct mr_buf *entry = &loop->buffers[tail & loop->buffer_mask];
  entry->addr = (uintptr_t)place;
  entry->len = 2 * WORD_BYTES;
  entry->id = 0;
  __atomic_store_n(&loop->buffers[0].tail, (uint16_t)(tail + 1), __ATOMIC_RELEASE);
}

/** A word goes out, and comes in at `place`. */
static int echo(struct mr_loop *loop, int fd, const uint8_t *place, uint32_t flags, uint32_t *got) {
  struct mr_cqe cqe;
  if (write(fd, WORD, WORD_BYTES) != WORD_BYTES) return -errno;
  int r = next(loop, &cqe);
  if (r < 0) return r;
  *got = cqe.flags;
  bool right = cqe.user_data == RECEIVE && cqe.res == WORD_BYTES && (cqe.flags & flags) == flags;
  return right && memcmp(place, WORD, WORD_BYTES) == 0 ? 0 : -EOPNOTSUPP;
}

/** Two words, in two buffers or one after the other in one. */
static int receive(struct mr_loop *loop, const int ends[2], uint8_t *place) {
  bool incremental = MR_CONTROL(loop, uint32_t, BUFFER_MODE) == MR_BUFFERS_INCREMENTAL;
  uint32_t wanted = MR_CQE_FLAG_MORE | MR_CQE_FLAG_BUFFER, got;
  provide(loop, place, 0);
  submit(loop, (struct mr_sqe){.opcode = MR_OP_RECV,
                               .fd = ends[0],
                               .flags = MR_SQE_FLAG_BUFFER_SELECT,
                               .ioprio = MR_RECV_MULTISHOT,
                               .buf_group = MR_BUF_GROUP,
                               .user_data = RECEIVE});
  int r = echo(loop, ends[1], place, incremental ? wanted | MR_CQE_FLAG_BUF_MORE : wanted, &got);
  if (r < 0) return r;
  memset(place, 0, WORD_BYTES);
  if (!incremental) provide(loop, place, 1);
  r = echo(loop, ends[1], incremental ? place + WORD_BYTES : place, wanted, &got);
  return r == 0 && got & MR_CQE_FLAG_BUF_MORE ? -EOPNOTSUPP : r;
}

/** Without a buffer ring: a receive into its own address. */
static int receive_once(struct mr_loop *loop, const int ends[2], uint8_t *place) {
  struct mr_sqe sqe = {
      .opcode = MR_OP_RECV, .fd = ends[0], .addr = (uintptr_t)place, .len = WORD_BYTES, .user_data = RECEIVE};
  uint32_t got;
  submit(loop, sqe);
  int r = echo(loop, ends[1], place, 0, &got);
  if (r == 0) submit(loop, sqe);
  return r;
}

/** The receive ends, and the cancel says so, in either order. */
static int cancel(struct mr_loop *loop) {
  struct mr_cqe cqe;
  submit(loop, (struct mr_sqe){.opcode = MR_OP_ASYNC_CANCEL, .fd = -1, .addr = RECEIVE, .user_data = CANCEL});
  for (int i = 0; i < 2; i++) {
    int r = next(loop, &cqe);
    if (r < 0) return r;
    if (cqe.flags & MR_CQE_FLAG_MORE || cqe.res != (cqe.user_data == CANCEL ? 0 : -ECANCELED)) return -EOPNOTSUPP;
  }
  return take(loop, &cqe) || mr_sq_pending(loop) ? -EOPNOTSUPP : 0;
}

static int prove(struct mr_loop *loop, const int ends[2]) {
  static _Thread_local uint8_t place[2 * WORD_BYTES]; // outlives this call, should the proof fail
  memset(place, 0, sizeof place);
  int r = loop->buffers ? receive(loop, ends, place) : receive_once(loop, ends, place);
  return r < 0 ? r : cancel(loop);
}

int mr_uring_prove(struct mr_loop *loop) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
  int r = prove(loop, ends);
  close(ends[0]);
  close(ends[1]);
  return r;
}
