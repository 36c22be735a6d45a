// Loops: their handles, setup from a control block, `enter`, close. What executes the SQEs is a kernel, in kernel/.
#include "shim.h"
#include <errno.h>

#define LOOPS_MAX 1024
#define PAGE 4096u
#define LOOP_RESERVED ((struct mr_loop *)-1)

// A handle is claimed and released atomically: loops of several threads share this table and nothing else.
static struct mr_loop *loops[LOOPS_MAX];

struct mr_loop *mr_loop_at(int handle) {
  if (handle < 0 || handle >= LOOPS_MAX) return NULL;
  struct mr_loop *loop = __atomic_load_n(&loops[handle], __ATOMIC_ACQUIRE);
  return loop == LOOP_RESERVED ? NULL : loop;
}

static _Thread_local char thread; // its address names the thread

/** A loop belongs to the thread that made it, as an io_uring does: to others it is -EEXIST. */
static int own_loop(int handle, struct mr_loop **loop) {
  *loop = mr_loop_at(handle);
  if (!*loop) return -EBADF;
  return (*loop)->owner == &thread ? 0 : -EEXIST;
}

static int claim_handle(void) {
  for (int handle = 0; handle < LOOPS_MAX; handle++) {
    struct mr_loop *none = NULL;
    if (__atomic_compare_exchange_n(&loops[handle], &none, LOOP_RESERVED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return handle;
  }
  return -EUSERS;
}

static void stamp(struct mr_loop *loop) {
  uint64_t monotonic, realtime;
  (loop->kernel->clocks ? loop->kernel->clocks : mr_clocks)(loop, &monotonic, &realtime);
  MR_CONTROL(loop, uint64_t, MONOTONIC_NS) = monotonic;
  MR_CONTROL(loop, uint64_t, REALTIME_MS) = realtime / 1000000u;
}

static bool power_of_two(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

/** `bytes` at `offset`, page-aligned, inside the memory. */
static bool placed(const struct mr_loop *loop, uint32_t offset, uint64_t bytes) {
  return offset % PAGE == 0 && offset <= loop->bytes && bytes <= loop->bytes - offset;
}

static int check_layout(const struct mr_loop *loop) {
  if (MR_CONTROL(loop, uint32_t, ABI) != MR_ABI_VERSION) return -EPROTO;
  uint32_t sq = MR_CONTROL(loop, uint32_t, SQ_ENTRIES), cq = MR_CONTROL(loop, uint32_t, CQ_ENTRIES);
  uint32_t buffers = MR_CONTROL(loop, uint32_t, BUFFER_ENTRIES), rings = MR_CONTROL(loop, uint32_t, RINGS_BYTES);
  if (!power_of_two(sq) || sq > 32768 || !power_of_two(cq) || cq > 65536 || cq < sq) return -EINVAL;
  if (buffers != 0 && (!power_of_two(buffers) || buffers > 32768)) return -EINVAL;
  if (rings < MR_RINGS_BYTES_FIXED + (uint64_t)cq * MR_CQE_BYTES) return -EINVAL;
  uint32_t calls = MR_CONTROL(loop, uint32_t, CALLS);
  uint64_t call_bytes = (uint64_t)MR_CONTROL(loop, uint32_t, CALL_ENTRIES) * MR_CALL_BYTES;
  if (calls % 8 != 0 || calls > loop->bytes || call_bytes > loop->bytes - calls) return -EFAULT;
  if (!placed(loop, MR_CONTROL(loop, uint32_t, RINGS), rings) ||
      !placed(loop, MR_CONTROL(loop, uint32_t, SQES), (uint64_t)sq * MR_SQE_BYTES) ||
      !placed(loop, MR_CONTROL(loop, uint32_t, BUFFER_RING), (uint64_t)buffers * MR_BUF_BYTES))
    return -EFAULT;
  return 0;
}

static uint32_t offset_of(const struct mr_loop *loop, const void *place) {
  return (uint32_t)((const uint8_t *)place - loop->base);
}

static int open_loop(struct mr_loop *loop, int kernel) {
  int r = check_layout(loop);
  if (r < 0) return r;
  loop->kernel = mr_kernel_of(kernel);
  if (!loop->kernel) return -ENOSYS;
  MR_CONTROL(loop, int32_t, HOST_FD) = -1;
  MR_CONTROL(loop, int32_t, RING_FD) = -1;
  MR_CONTROL(loop, uint32_t, FEATURES) = 0;
  uint32_t buffer_mode = MR_CONTROL(loop, uint32_t, BUFFER_MODE);
  MR_CONTROL(loop, uint32_t, FD_LIMIT) = 0;
  r = loop->kernel->open(loop);
  if (r < 0) {
    MR_CONTROL(loop, uint32_t, BUFFER_MODE) = buffer_mode; // the wish, for whoever is asked next
    return r;
  }
  MR_CONTROL(loop, uint64_t, BASE) = (uint64_t)(uintptr_t)loop->base;
  MR_CONTROL(loop, uint32_t, KERNEL) = (uint32_t)kernel;
  MR_CONTROL(loop, uint32_t, SQ_HEAD) = offset_of(loop, loop->sq_head);
  MR_CONTROL(loop, uint32_t, SQ_TAIL) = offset_of(loop, loop->sq_tail);
  MR_CONTROL(loop, uint32_t, CQ_HEAD) = offset_of(loop, loop->cq_head);
  MR_CONTROL(loop, uint32_t, CQ_TAIL) = offset_of(loop, loop->cq_tail);
  MR_CONTROL(loop, uint32_t, CQES) = offset_of(loop, loop->cqes);
  stamp(loop);
  return 0;
}

int mr_abi_version(void) { return MR_ABI_VERSION; }

int mr_setup(uint8_t *base, uint32_t control, int kernel) {
  if (!mr_is_memory(base) || (uintptr_t)base % PAGE != 0 || control % PAGE != 0) return -EINVAL;
  struct mr_loop *loop = mr_loop_new();
  if (!loop) return -ENOMEM;
  loop->base = base;
  loop->owner = &thread;
  loop->control = base + control;
  loop->bytes = MR_CONTROL(loop, uint64_t, MEMORY_BYTES);
  int handle = (uint64_t)control + MR_CONTROL_BYTES > loop->bytes ? -EFAULT : claim_handle();
  if (handle < 0) {
    mr_loop_free(loop);
    return handle;
  }
  loop->handle = handle;
  int r = open_loop(loop, kernel);
  __atomic_store_n(&loops[handle], r < 0 ? NULL : loop, __ATOMIC_RELEASE);
  if (r < 0) mr_loop_free(loop);
  return r < 0 ? r : handle;
}

int mr_close(int handle) {
  struct mr_loop *loop;
  int r = own_loop(handle, &loop);
  if (r < 0) return r;
  mr_wait_release(loop);
  mr_orphan(loop);
  __atomic_store_n(&loops[handle], NULL, __ATOMIC_RELEASE);
  loop->kernel->close(loop);
  r = loop->leftover;
  mr_loop_free(loop);
  return r;
}

static bool run_calls(struct mr_loop *loop, struct mr_call_record *records, uint32_t count) {
  return (loop->kernel->calls ? loop->kernel->calls : mr_calls_run)(loop, records, count);
}

/**
 * The one way in, from JavaScript and from libuv's prepare phase. Records are executed behind those whose results the
 * core has not taken yet; while such results wait, or a call needs an answer, this enter does not sleep.
 */
int mr_loop_enter(struct mr_loop *loop, uint32_t calls, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  uint32_t done = MR_CONTROL(loop, uint32_t, CALLS_DONE), entries = MR_CONTROL(loop, uint32_t, CALL_ENTRIES);
  if (done > entries || calls > entries - done) return -EINVAL;
  bool sleep = done == 0;
  if (calls) {
    uint8_t *list = loop->base + MR_CONTROL(loop, uint32_t, CALLS);
    if (!run_calls(loop, (struct mr_call_record *)(void *)list + done, calls)) sleep = false;
    MR_CONTROL(loop, uint32_t, CALLS_DONE) = done + calls;
    MR_CONTROL(loop, uint32_t, CALL_COUNT) = 0;
  }
  MR_CONTROL(loop, uint64_t, ENTERS)++;
  if (sleep && min && timeout_ns) MR_CONTROL(loop, uint64_t, WAITS)++;
  int r = loop->kernel->enter(loop, submit, sleep ? min : 0, timeout_ns);
  stamp(loop);
  return r;
}

int mr_enter(int handle, uint32_t calls, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  struct mr_loop *loop;
  int r = own_loop(handle, &loop);
  return r < 0 ? r : mr_loop_enter(loop, calls, submit, min, timeout_ns);
}

int mr_call(int handle, uint32_t offset, uint32_t count) {
  struct mr_loop *loop;
  int r = own_loop(handle, &loop);
  if (r < 0) return r;
  uint64_t bytes = (uint64_t)count * MR_CALL_BYTES;
  if (offset % 8 != 0) return -EINVAL;
  if (offset > loop->bytes || bytes > loop->bytes - offset) return -EFAULT;
  run_calls(loop, (struct mr_call_record *)(void *)(loop->base + offset), count);
  return 0;
}

int mr_wait_fd(int handle) {
  struct mr_loop *loop;
  int r = own_loop(handle, &loop);
  return r < 0 ? r : loop->kernel->wait_fd(loop);
}

int mr_once(uint32_t topic) {
  static uint32_t seen;
  if (topic >= 32) return -EINVAL;
  return !(__atomic_fetch_or(&seen, 1u << topic, __ATOMIC_RELAXED) & 1u << topic);
}
