// The machine's clocks.
#include "shim.h"
#include <time.h>

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t mr_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

void mr_clocks(struct mr_loop *loop, uint64_t *monotonic_ns, uint64_t *realtime_ns) {
  (void)loop;
  *monotonic_ns = clock_ns(CLOCK_MONOTONIC);
  *realtime_ns = clock_ns(CLOCK_REALTIME);
}
