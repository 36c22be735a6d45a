// What the files of the shim share: the exported functions, one loop, and the interface a kernel stands behind.
// Results are >= 0 or -errno. Nothing here calls JavaScript, starts a thread or remembers memory it was not given at
// setup.
#ifndef MR_SHIM_H
#define MR_SHIM_H

#include "abi.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_EXPORT __attribute__((visibility("default")))

/** The layout this shim was built for: ABI_VERSION. */
MR_EXPORT int mr_abi_version(void);
/** One loop over the linear memory at `base`, laid out by the control block at offset `control` → its handle. */
MR_EXPORT int mr_setup(uint8_t *base, uint32_t control, int kernel);
/** Executes calls, submits SQEs, waits for `min` completions → completions ready; -ETIME: fewer when the time was up.
 */
MR_EXPORT int mr_enter(int loop, uint32_t calls, uint32_t submit, uint32_t min, int64_t timeout_ns);
/** Executes `count` call records at `offset`, results in place. */
MR_EXPORT int mr_call(int loop, uint32_t offset, uint32_t count);
/** -EBUSY: closed, but something under way did not end and may still write to the memory, which must be kept. */
MR_EXPORT int mr_close(int loop);
/** The loop is closed with the environment (a napi_env), whose thread may end without a word; -ENOSYS: not in Node. */
MR_EXPORT int mr_adopt(int loop, void *env);
/** A descriptor that is readable while the kernel has something to deliver. */
MR_EXPORT int mr_wait_fd(int loop);
/**
 * Waits in the prepare phase of this thread's libuv loop; `env` is the napi_env of a worker, or null. -EBUSY: another
 * loop waits there.
 */
MR_EXPORT int mr_attach(int loop, void *env);
/** From inside a turn of an attached loop: enters, and waits as long as the host is idle too, at most `most_ns`. */
MR_EXPORT int mr_turn(int loop, uint32_t most_ns);
MR_EXPORT int mr_detach(int loop);
/** Whether an attached loop keeps the process alive. */
MR_EXPORT int mr_ref(int loop, int on);
/** A fact about the machine by name → a number, or the -errno it answered with. */
MR_EXPORT int mr_probe(const char *feature);
/** 1 for whoever asks first in this process, whatever its thread; then 0. Topics are below 32. */
MR_EXPORT int mr_once(uint32_t topic);

struct mr_sqe {
  uint8_t opcode, flags;
  uint16_t ioprio;
  int32_t fd;
  uint64_t off, addr;
  uint32_t len, op_flags;
  uint64_t user_data;
  uint16_t buf_group, personality;
  int32_t file_index;
  uint64_t addr3, pad;
};

struct mr_cqe {
  uint64_t user_data;
  int32_t res;
  uint32_t flags;
};

struct mr_buf {
  uint64_t addr;
  uint32_t len;
  uint16_t id, tail; // tail: of the ring, in entry 0 only
};

struct mr_call_record {
  uint32_t op;
  int32_t fd;
  uint32_t a, b;
  int64_t c;
  int32_t result;
  uint32_t tag;
};

struct mr_kernel;
struct mr_wait;

struct mr_loop {
  uint8_t *base; // the linear memory
  uint64_t bytes;
  uint8_t *control;
  const struct mr_kernel *kernel;
  void *state; // the kernel's own
  uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
  struct mr_sqe *sqes;
  struct mr_cqe *cqes;
  struct mr_buf *buffers; // null: no provided buffers
  uint32_t sq_mask, cq_mask, buffer_mask;
  struct mr_wait *wait; // null: not attached
  void *env;            // that closes it; null: none
  int handle;
  int leftover;      // set by the kernel's close: -errno where something may still write to the memory
  const void *owner; // names the thread that made it
};

struct mr_kernel {
  const char *name;
  /** Takes the loop's layout, sets its ring pointers. */
  int (*open)(struct mr_loop *loop);
  void (*close)(struct mr_loop *loop);
  int (*enter)(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns);
  /** Executes immediate calls as mr_calls_run does; null: they are real system calls. */
  bool (*calls)(struct mr_loop *loop, struct mr_call_record *records, uint32_t count);
  /** CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds; null: the machine's. */
  void (*clocks)(struct mr_loop *loop, uint64_t *monotonic_ns, uint64_t *realtime_ns);
  int (*wait_fd)(struct mr_loop *loop);
  /**
   * The host's own event loop: a wait ends when `fd` is readable. -1: no host any more. A kernel that cannot see to it
   * by itself leaves the fd in CONTROL_HOST_FD for the core.
   */
  int (*watch_host)(struct mr_loop *loop, int fd);
  /** An immediate call made `fd`, or is about to close it. */
  void (*opened)(struct mr_loop *loop, int fd);
  void (*closing)(struct mr_loop *loop, int fd);
};

extern const struct mr_kernel mr_kernel_epoll, mr_kernel_uring, mr_kernel_uring_mapped;
extern const struct mr_kernel mr_kernel_epoll_edge, mr_kernel_poll, mr_kernel_select, mr_kernel_signal, mr_kernel_spin;
extern const struct mr_kernel mr_kernel_sim;

struct mr_loop *mr_loop_at(int handle);
/** What a build has, in kernels.c: its kernels by number (null: none), room for loops, and what a memory begins at. */
const struct mr_kernel *mr_kernel_of(int kernel);
struct mr_loop *mr_loop_new(void);
void mr_loop_free(struct mr_loop *loop);
bool mr_is_memory(const uint8_t *base);
int mr_loop_enter(struct mr_loop *loop, uint32_t calls, uint32_t submit, uint32_t min, int64_t timeout_ns);
/** One immediate call → its result. */
typedef int (*mr_call_fn)(struct mr_loop *loop, const struct mr_call_record *call);
/** Executes records by a table of functions → whether all is well enough to sleep on; see calls.c. */
bool mr_calls_each(struct mr_loop *loop, struct mr_call_record *records, uint32_t count, const mr_call_fn *calls,
                   uint32_t known);
/** Executes them as system calls. */
bool mr_calls_run(struct mr_loop *loop, struct mr_call_record *records, uint32_t count);
void mr_wait_release(struct mr_loop *loop);
/** Undoes mr_adopt. */
void mr_orphan(struct mr_loop *loop);
/** Whether this host is libuv, whose wait can be ours. */
int mr_wait_probe(void);
uint64_t mr_now_ns(void);
/** The machine's clocks, for kernels that have none of their own. */
void mr_clocks(struct mr_loop *loop, uint64_t *monotonic_ns, uint64_t *realtime_ns);

/** `bytes` bytes at host address `addr` lie in the linear memory. */
static inline bool mr_inside(const struct mr_loop *loop, uint64_t addr, uint64_t bytes) {
  uint64_t offset = addr - (uint64_t)(uintptr_t)loop->base;
  return offset <= loop->bytes && bytes <= loop->bytes - offset;
}

static inline void *mr_pointer(uint64_t addr) { return (void *)(uintptr_t)addr; }

/** A field of the control block. */
#define MR_CONTROL(loop, type, field) (*(type *)(void *)((loop)->control + MR_CONTROL_##field))

static inline uint32_t mr_sq_pending(const struct mr_loop *loop) {
  return __atomic_load_n(loop->sq_tail, __ATOMIC_ACQUIRE) - *loop->sq_head;
}

static inline uint32_t mr_cq_ready(const struct mr_loop *loop) {
  return *loop->cq_tail - __atomic_load_n(loop->cq_head, __ATOMIC_ACQUIRE);
}

#endif
