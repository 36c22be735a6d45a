// The shim of the simulated machine alone, as a WebAssembly module: one kernel and one loop, whose memory it shares.
// What it allocates lies behind its static data, up to SIM_MEMORY_END; nobody touches that before it is used. It stands
// in the place of ../kernels.c, ../clock.c, ../call.c and ../wait.c.
#include "sim.h"

extern uint8_t __heap_base[]; // the linker's: where static data and stack end, on a multiple of 16

static struct mr_loop the_loop;
static bool loop_used, block_used;

const struct mr_kernel *mr_kernel_of(int kernel) { return kernel == MR_KERNEL_SIM ? &mr_kernel_sim : NULL; }

struct mr_loop *mr_loop_new(void) {
  if (loop_used) return NULL;
  loop_used = true;
  the_loop = (struct mr_loop){0};
  return &the_loop;
}

void mr_loop_free(struct mr_loop *loop) {
  (void)loop;
  loop_used = false;
}

void *mr_sim_block(uint64_t *bytes) {
  if (block_used) return NULL;
  block_used = true;
  *bytes = MR_SIM_MEMORY_END - (uint64_t)(uintptr_t)__heap_base;
  return __heap_base;
}

void mr_sim_unblock(void *block) {
  (void)block;
  block_used = false;
}

/** The linear memory begins at 0. */
bool mr_is_memory(const uint8_t *base) {
  (void)base;
  return true;
}

// Where there is but one kernel, its clocks and calls are the machine's.

void mr_clocks(struct mr_loop *loop, uint64_t *monotonic_ns, uint64_t *realtime_ns) {
  loop->kernel->clocks(loop, monotonic_ns, realtime_ns);
}

bool mr_calls_run(struct mr_loop *loop, struct mr_call_record *records, uint32_t count) {
  return loop->kernel->calls(loop, records, count);
}

/** No host's loop waits in here. */
void mr_wait_release(struct mr_loop *loop) { (void)loop; }
void mr_orphan(struct mr_loop *loop) { (void)loop; }
