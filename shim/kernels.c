// What the shim of a machine has: every kernel, and loops on the heap. The simulated kernel alone, as a WebAssembly
// module, has sim/kernels.c in this place.
#include "shim.h"
#include <stdlib.h>

static const struct mr_kernel *const kernels[] = {
    [MR_KERNEL_EPOLL] = &mr_kernel_epoll,
    [MR_KERNEL_URING] = &mr_kernel_uring,
    [MR_KERNEL_URING_MAPPED] = &mr_kernel_uring_mapped,
    [MR_KERNEL_EPOLL_EDGE] = &mr_kernel_epoll_edge,
    [MR_KERNEL_POLL] = &mr_kernel_poll,
    [MR_KERNEL_SELECT] = &mr_kernel_select,
    [MR_KERNEL_SIGNAL] = &mr_kernel_signal,
    [MR_KERNEL_SPIN] = &mr_kernel_spin,
};

const struct mr_kernel *mr_kernel_of(int kernel) {
  return kernel >= 0 && (size_t)kernel < sizeof kernels / sizeof *kernels ? kernels[kernel] : NULL;
}

struct mr_loop *mr_loop_new(void) {
  return calloc(1, sizeof(struct mr_loop));
}

void mr_loop_free(struct mr_loop *loop) { free(loop); }

bool mr_is_memory(const uint8_t *base) { return base != NULL; }
