// The shim of the simulated machine alone, as a WebAssembly module: one kernel, and room for a few loops, in static
// memory. It stands in the place of ../kernels.c, ../clock.c, ../call.c and ../wait.c.
#include "sim.h"

#ifndef MR_SIM_LOOPS
#define MR_SIM_LOOPS 1 // the module shares the memory of one
#endif
#ifndef MR_SIM_BLOCK_BYTES
#define MR_SIM_BLOCK_BYTES (30u << 20)
#endif

static struct mr_loop loops[MR_SIM_LOOPS];
static bool loops_used[MR_SIM_LOOPS], blocks_used[MR_SIM_LOOPS];
static _Alignas(16) uint8_t blocks[MR_SIM_LOOPS][MR_SIM_BLOCK_BYTES];

static int claim(bool *used) {
  for (int i = 0; i < MR_SIM_LOOPS; i++)
    if (!used[i]) {
      used[i] = true;
      return i;
    }
  return -1;
}

const struct mr_kernel *mr_kernel_of(int kernel) { return kernel == MR_KERNEL_SIM ? &mr_kernel_sim : NULL; }

struct mr_loop *mr_loop_new(void) {
  int i = claim(loops_used);
  if (i < 0) return NULL;
  loops[i] = (struct mr_loop){0};
  return &loops[i];
}

void mr_loop_free(struct mr_loop *loop) { loops_used[loop - loops] = false; }

void *mr_sim_block(uint64_t *bytes) {
  int i = claim(blocks_used);
  *bytes = MR_SIM_BLOCK_BYTES;
  return i < 0 ? NULL : blocks[i];
}

void mr_sim_unblock(void *block) { blocks_used[(size_t)((uint8_t *)block - blocks[0]) / MR_SIM_BLOCK_BYTES] = false; }

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
