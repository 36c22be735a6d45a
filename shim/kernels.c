// What the shim of a machine has: every kernel, and loops on the heap. The simulated kernel alone, as a WebAssembly
// module, has sim/kernels.c in this place.
#include "sim/sim.h"
#include <stdlib.h>
#include <sys/mman.h>

#define SIM_BLOCK_BYTES (UINT64_C(256) << 20) // of addresses; memory only where it is touched

static const struct mr_kernel *const kernels[] = {
    [MR_KERNEL_EPOLL] = &mr_kernel_epoll,
    [MR_KERNEL_URING] = &mr_kernel_uring,
    [MR_KERNEL_URING_MAPPED] = &mr_kernel_uring_mapped,
    [MR_KERNEL_EPOLL_EDGE] = &mr_kernel_epoll_edge,
    [MR_KERNEL_POLL] = &mr_kernel_poll,
    [MR_KERNEL_SELECT] = &mr_kernel_select,
    [MR_KERNEL_SIGNAL] = &mr_kernel_signal,
    [MR_KERNEL_SPIN] = &mr_kernel_spin,
    [MR_KERNEL_SIM] = &mr_kernel_sim,
};

const struct mr_kernel *mr_kernel_of(int kernel) {
  return kernel >= 0 && (size_t)kernel < sizeof kernels / sizeof *kernels ? kernels[kernel] : NULL;
}

struct mr_loop *mr_loop_new(void) {
  return calloc(1, sizeof(struct mr_loop));
}

void mr_loop_free(struct mr_loop *loop) { free(loop); }

bool mr_is_memory(const uint8_t *base) { return base != NULL; }

void *mr_sim_block(uint64_t *bytes) {
  *bytes = SIM_BLOCK_BYTES;
  void *block = mmap(NULL, SIM_BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

void mr_sim_unblock(void *block) { munmap(block, SIM_BLOCK_BYTES); }
