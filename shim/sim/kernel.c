// The simulated kernel as a kernel: open, enter, close, and the clocks that only it moves.
#include "sim.h"
#include <string.h>

#define WINDOW_BYTES (256u << 10)
#define FILES_MAX 65536u
#define START_NS UINT64_C(1000000000)                    // a clock that says 0 looks like one that is not set
#define REALTIME_NS (UINT64_C(1767225600) * 1000000000u) // the first of January 2026
#define TURN_NS SIM_US                                   // so that a loop that never waits gets on, too
#define GATHER_ENOUGH 16u
#define FEATURES (MR_FEATURE_SEND_SQE | MR_FEATURE_MIN_WAIT | MR_FEATURE_SEND_ZC | MR_FEATURE_ASYNC_FILES)

static void rings_open(struct mr_loop *loop) {
  uint8_t *rings = loop->base + MR_CONTROL(loop, uint32_t, RINGS);
  uint32_t buffers = MR_CONTROL(loop, uint32_t, BUFFER_ENTRIES);
  loop->sq_head = (uint32_t *)(void *)rings;
  loop->sq_tail = loop->sq_head + 1;
  loop->cq_head = loop->sq_head + 2;
  loop->cq_tail = loop->sq_head + 3;
  memset(rings, 0, 4 * sizeof(uint32_t));
  loop->cqes = (struct mr_cqe *)(void *)(rings + MR_RINGS_BYTES_FIXED);
  loop->sqes = (struct mr_sqe *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, SQES));
  loop->sq_mask = MR_CONTROL(loop, uint32_t, SQ_ENTRIES) - 1;
  loop->cq_mask = MR_CONTROL(loop, uint32_t, CQ_ENTRIES) - 1;
  loop->buffers = buffers ? (struct mr_buf *)(void *)(loop->base + MR_CONTROL(loop, uint32_t, BUFFER_RING)) : NULL;
  loop->buffer_mask = buffers - 1;
}

static int sim_open(struct mr_loop *loop) {
  uint64_t bytes;
  void *block = mr_sim_block(&bytes);
  if (!block) return -ENOMEM;
  struct sim_heap heap;
  sim_heap_open(&heap, block, bytes);
  struct sim *sim = sim_alloc((struct sim *)(void *)&heap, sizeof *sim); // a simulation begins with its heap
  sim->heap = heap;
  sim->loop = loop;
  sim->now = START_NS;
  sim->window = WINDOW_BYTES;
  sim->file_limit = FILES_MAX;
  sim->port_next = SIM_PORT_FIRST;
  rings_open(loop);
  if (MR_CONTROL(loop, uint32_t, BUFFER_MODE) != MR_BUFFERS_INCREMENTAL)
    MR_CONTROL(loop, uint32_t, BUFFER_MODE) = MR_BUFFERS_PLAIN;
  MR_CONTROL(loop, int32_t, RING_FD) = SIM_RING_FD + loop->handle;
  loop->state = sim;
  return 0;
}

static void sim_close(struct mr_loop *loop) {
  struct sim *sim = loop->state;
  sim_ops_drop(sim);
  for (uint32_t fd = 0; fd < sim->file_slots; fd++)
    if (sim->files[fd]) sim_file_close(sim, (int)fd);
  sim_free(sim, sim->files);
  while (sim->listeners) sim_listener_free(sim, sim->listeners);
  while (sim->conns) sim_conn_free(sim, sim->conns);
  while (sim->partitions) sim_partition_heal(sim, sim->partitions->port);
  sim_disk_free(sim);
  sim_free(sim, sim->peers);
  sim_free(sim, sim->held);
  sim_free(sim, sim->events);
  struct sim_heap heap = sim->heap;
  void *block = heap.block;
  sim_heap_close(sim, sizeof *sim);
  mr_sim_unblock(block);
}

uint32_t sim_features(struct sim *sim, uint32_t bits) {
  return MR_CONTROL(sim->loop, uint32_t, FEATURES) = bits & FEATURES;
}

/** All that can happen at this moment, each descriptor having its share. */
static void settle(struct sim *sim) {
  sim->pass++;
  do {
    sim_serve(sim);
    sim_counted_fire(sim);
  } while (sim_step(sim, sim->now));
}

void sim_pass(struct sim *sim, uint64_t until) {
  while (sim_step(sim, until)) {
  }
}

/** Something has come after a wait: where the core wants a crowd gathered, time goes on for a moment. */
static void gather(struct sim *sim) {
  uint64_t until = sim->now + MR_CONTROL(sim->loop, uint32_t, MIN_WAIT_NS);
  while (sim->now < until && mr_cq_ready(sim->loop) < GATHER_ENOUGH) {
    sim_step(sim, until);
    settle(sim);
  }
}

/**
 * A wait moves virtual time to the next event, and to the next, until enough is complete or the time is up. A wait for
 * ever in which nothing is ever going to happen ends like one that was woken: with what is there.
 */
static int sim_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns) {
  struct sim *sim = loop->state;
  if (min > loop->cq_mask + 1) min = loop->cq_mask + 1;
  sim->stats[MR_SIM_STAT_TURNS]++;
  sim_deliver_held(sim);
  if (!sim_room(sim)) MR_CONTROL(loop, uint64_t, OVERFLOWS)++;
  sim_pass(sim, sim->now + TURN_NS);
  uint64_t deadline = timeout_ns < 0 || !min ? SIM_NEVER : sim->now + (uint64_t)timeout_ns;
  sim_submit(sim, submit);
  settle(sim);
  for (bool waited = false;; waited = true) {
    bool enough = mr_cq_ready(loop) >= min || !sim_room(sim);
    if (enough && waited) gather(sim);
    if (enough) return (int)mr_cq_ready(loop);
    if (sim->now >= deadline) return -ETIME;
    if (!sim->ready && !sim_step(sim, deadline) && deadline == SIM_NEVER) {
      sim->stats[MR_SIM_STAT_IDLE]++;
      return (int)mr_cq_ready(loop);
    }
    settle(sim);
  }
}

static void sim_clocks(struct mr_loop *loop, uint64_t *monotonic_ns, uint64_t *realtime_ns) {
  const struct sim *sim = loop->state;
  *monotonic_ns = sim->now;
  *realtime_ns = REALTIME_NS + sim->now;
}

static int sim_wait_fd(struct mr_loop *loop) {
  (void)loop;
  return -ENOSYS; // no descriptor of the machine says when virtual time gets on
}

static int sim_watch_host(struct mr_loop *loop, int fd) {
  (void)loop, (void)fd;
  return 0;
}

static void sim_heard(struct mr_loop *loop, int fd) { (void)loop, (void)fd; }

const struct mr_kernel mr_kernel_sim = {
    .name = "sim",
    .open = sim_open,
    .close = sim_close,
    .enter = sim_enter,
    .calls = sim_calls,
    .clocks = sim_clocks,
    .wait_fd = sim_wait_fd,
    .watch_host = sim_watch_host,
    .opened = sim_heard,
    .closing = sim_heard,
};
