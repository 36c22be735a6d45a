// Completions: the CQ, what it has no room for, provided buffers, and the digest of all that came out.
#include "sim.h"
#include <string.h>

static void put(struct mr_loop *loop, const struct mr_cqe *cqe) {
  uint32_t tail = *loop->cq_tail;
  loop->cqes[tail & loop->cq_mask] = *cqe;
  __atomic_store_n(loop->cq_tail, tail + 1, __ATOMIC_RELEASE);
}

static bool cq_has_room(const struct mr_loop *loop) { return mr_cq_ready(loop) <= loop->cq_mask; }

bool sim_room(const struct sim *sim) { return sim->held_count == 0 && cq_has_room(sim->loop); }

/** The held ones lie in order from held_head on; they are moved to the front when the end is reached. */
static void hold(struct sim *sim, const struct mr_cqe *cqe) {
  if (sim->held_head && sim->held_head + sim->held_count == sim->held_capacity) {
    memmove(sim->held, sim->held + sim->held_head, sim->held_count * sizeof *sim->held);
    sim->held_head = 0;
  }
  uint32_t end = sim->held_head + sim->held_count++;
  sim->held = sim_grow(sim, sim->held, (end + 1) * sizeof *sim->held);
  sim->held_capacity = (uint32_t)(sim_capacity(sim->held) / sizeof *sim->held);
  sim->held[end] = *cqe;
}

void sim_deliver_held(struct sim *sim) {
  for (; sim->held_count && cq_has_room(sim->loop); sim->held_count--) put(sim->loop, &sim->held[sim->held_head++]);
  if (!sim->held_count) sim->held_head = 0;
}

void sim_post(struct sim *sim, uint64_t user_data, int32_t res, uint32_t flags) {
  struct mr_cqe cqe = {user_data, res, flags};
  sim->posted++;
  sim_digest_number(sim, user_data);
  sim_digest_number(sim, (uint64_t)flags << 32 | (uint32_t)res);
  if (sim_room(sim))
    put(sim->loop, &cqe);
  else
    hold(sim, &cqe);
}

struct mr_buf *sim_buffer(struct sim *sim) {
  const struct mr_loop *loop = sim->loop;
  if (!loop->buffers || __atomic_load_n(&loop->buffers->tail, __ATOMIC_ACQUIRE) == sim->buffer_head) return NULL;
  return &loop->buffers[sim->buffer_head & loop->buffer_mask];
}

uint32_t sim_buffer_take(struct sim *sim, uint32_t n) {
  struct mr_buf *buffer = sim_buffer(sim);
  uint32_t flags = MR_CQE_FLAG_BUFFER | (uint32_t)buffer->id << MR_CQE_BUFFER_SHIFT;
  if (MR_CONTROL(sim->loop, uint32_t, BUFFER_MODE) == MR_BUFFERS_INCREMENTAL && n < buffer->len) {
    buffer->addr += n; // as Linux does it: the entry itself says what is left
    buffer->len -= n;
    return flags | MR_CQE_FLAG_BUF_MORE;
  }
  sim->buffer_head++;
  return flags;
}

bool sim_buffers_away(const struct sim *sim) {
  const struct mr_loop *loop = sim->loop;
  if (!loop->buffers) return false;
  uint16_t there = (uint16_t)(__atomic_load_n(&loop->buffers->tail, __ATOMIC_ACQUIRE) - sim->buffer_head);
  return there <= loop->buffer_mask;
}

void sim_digest_number(struct sim *sim, uint64_t number) {
  uint64_t h = (sim->digest ^ number) * UINT64_C(0x9e3779b97f4a7c15);
  sim->digest = h ^ h >> 29;
}

void sim_digest(struct sim *sim, const void *bytes, uint64_t length) {
  const uint8_t *at = bytes;
  uint64_t word;
  for (; length >= sizeof word; length -= sizeof word, at += sizeof word) {
    memcpy(&word, at, sizeof word);
    sim_digest_number(sim, word);
  }
  word = length; // what is left is shorter than a word: its length has room beside it
  for (; length; length--) word = word << 8 | *at++;
  sim_digest_number(sim, word);
}
