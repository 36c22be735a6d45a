// The loop of world.h: its memory, its rings, and what the ABI promises about completions.
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define MEMORY_BYTES (1u << 24)
#define SQ_ENTRIES 64u
#define CQ_ENTRIES 64u
#define AT_RINGS PAGE
#define AT_SQES (3 * PAGE)
#define AT_BUFFER_RING (5 * PAGE)
#define AT_CALLS (6 * PAGE)
#define AT_BUFFERS (8 * PAGE)
#define AT_SCRATCH (16 * PAGE)

void fail(const struct world *w, const char *what, int64_t a, int64_t b) {
  printf("seed %llu: %s (%lld, %lld)\n", (unsigned long long)w->seed, what, (long long)a, (long long)b);
  fflush(stdout);
  abort();
}

uint64_t pick(struct world *w, uint64_t limit) {
  w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (w->random >> 33) % limit;
}

static uint32_t *field(const struct world *w, uint32_t control) { return (uint32_t *)(void *)(w->memory + control); }

static uint32_t *ring(const struct world *w, uint32_t control) { return field(w, *field(w, control)); }

void world_open(struct world *w, uint64_t seed, bool incremental) {
  memset(w, 0, sizeof *w);
  w->seed = seed;
  w->random = seed * 2 + 1;
  w->op_count = w->stream_count = 1; // 0 is nobody
  w->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (w->memory == MAP_FAILED) exit(1);
  const uint32_t fields[][2] = {
      {MR_CONTROL_ABI, MR_ABI_VERSION},
      {MR_CONTROL_RINGS, AT_RINGS},
      {MR_CONTROL_RINGS_BYTES, AT_SQES - AT_RINGS},
      {MR_CONTROL_SQES, AT_SQES},
      {MR_CONTROL_SQ_ENTRIES, SQ_ENTRIES},
      {MR_CONTROL_CQ_ENTRIES, CQ_ENTRIES},
      {MR_CONTROL_BUFFER_RING, AT_BUFFER_RING},
      {MR_CONTROL_BUFFER_ENTRIES, BUFFERS},
      {MR_CONTROL_CALLS, AT_CALLS},
      {MR_CONTROL_CALL_ENTRIES, 16},
      {MR_CONTROL_MEMORY_BYTES, MEMORY_BYTES},
      {MR_CONTROL_BUFFER_MODE, incremental ? MR_BUFFERS_INCREMENTAL : MR_BUFFERS_PLAIN},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) *field(w, fields[i][0]) = fields[i][1];
  w->scratch = AT_SCRATCH;
  w->loop = mr_setup(w->memory, 0, MR_KERNEL_SIM);
  if (w->loop < 0) fail(w, "setup", w->loop, 0);
  for (uint16_t id = 0; id < BUFFERS; id++) provide(w, id);
}

void world_close(struct world *w) {
  if (mr_close(w->loop) != 0) fail(w, "close", 0, 0); // it traps where memory was forgotten
  munmap(w->memory, MEMORY_BYTES);
}

uint64_t world_digest(struct world *w) {
  uint64_t digest;
  if (mr_sim_digest(w->loop, AT_CALLS) != 0) fail(w, "digest", 0, 0);
  memcpy(&digest, w->memory + AT_CALLS, sizeof digest);
  return digest;
}

static uint32_t sq_pending(const struct world *w) {
  return *ring(w, MR_CONTROL_SQ_TAIL) - *ring(w, MR_CONTROL_SQ_HEAD);
}

bool sq_has_room(const struct world *w, uint32_t sqes) {
  return sq_pending(w) + sqes <= SQ_ENTRIES && w->op_count + sqes < OPS_MAX;
}

struct op *submit(struct world *w, struct mr_sqe sqe) {
  if (!sq_has_room(w, 1)) return NULL;
  uint32_t *tail = ring(w, MR_CONTROL_SQ_TAIL);
  struct op *op = &w->ops[w->op_count];
  sqe.user_data = w->op_count++;
  *op = (struct op){.opcode = sqe.opcode, .pending = true, .owner = -1};
  op->silent = sqe.flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS;
  op->multishot = (sqe.opcode == MR_OP_RECV && sqe.ioprio & MR_RECV_MULTISHOT) ||
                  (sqe.opcode == MR_OP_ACCEPT && sqe.ioprio & MR_ACCEPT_MULTISHOT) ||
                  (sqe.opcode == MR_OP_POLL_ADD && sqe.len & MR_POLL_MULTISHOT);
  if (!op->silent) w->pending++;
  memcpy(w->memory + AT_SQES + (*tail % SQ_ENTRIES) * MR_SQE_BYTES, &sqe, sizeof sqe);
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  return op;
}

int enter(struct world *w, uint32_t min, int64_t timeout_ns) {
  int r = mr_enter(w->loop, 0, sq_pending(w), min, timeout_ns);
  if (sq_pending(w)) fail(w, "SQEs are left behind", sq_pending(w), r);
  if (r < 0 && r != -MR_ETIME) fail(w, "enter", r, 0);
  return r;
}

/** A completion belongs to an op that waits, and the last is the last. */
static void check(struct world *w, const struct mr_cqe *cqe, struct op *op) {
  bool more = cqe->flags & MR_CQE_FLAG_MORE, zero_copy = op->opcode == MR_OP_SEND_ZC || op->opcode == MR_OP_SENDMSG_ZC;
  if (!op->pending) fail(w, "a completion after the final one", (int64_t)cqe->user_data, cqe->res);
  if (op->silent && cqe->res >= 0) fail(w, "a success that was to be silent", op->opcode, cqe->res);
  if (cqe->flags & MR_CQE_FLAG_NOTIF) {
    if (!op->notice_due || more) fail(w, "a notice of nothing", op->opcode, cqe->res);
    op->notice_due = false;
  } else if (op->notice_due)
    fail(w, "two results", op->opcode, cqe->res);
  else if (more && zero_copy)
    op->notice_due = true;
  else if (more && !op->multishot)
    fail(w, "more of what is no multishot", op->opcode, cqe->res);
  if (more && cqe->res < 0 && !zero_copy) fail(w, "an error that promises more", op->opcode, cqe->res);
  if (more) return;
  op->pending = false;
  if (!op->silent) w->pending--;
}

bool next(struct world *w, struct mr_cqe *cqe, struct op **op) {
  uint32_t *head = ring(w, MR_CONTROL_CQ_HEAD), tail = *ring(w, MR_CONTROL_CQ_TAIL);
  if (tail - *head > CQ_ENTRIES) fail(w, "the CQ is longer than it is", tail, *head);
  if (tail == *head) return false;
  memcpy(cqe, w->memory + *field(w, MR_CONTROL_CQES) + (*head % CQ_ENTRIES) * MR_CQE_BYTES, sizeof *cqe);
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  if (cqe->user_data == 0 || cqe->user_data >= w->op_count) fail(w, "a stranger", (int64_t)cqe->user_data, cqe->res);
  *op = &w->ops[cqe->user_data];
  w->completions++;
  check(w, cqe, *op);
  return true;
}

int call(struct world *w, struct mr_call_record record) {
  memcpy(w->memory + AT_CALLS, &record, sizeof record);
  if (mr_call(w->loop, AT_CALLS, 1) != 0) fail(w, "call", record.op, 0);
  memcpy(&record, w->memory + AT_CALLS, sizeof record);
  return record.result;
}

// Streams

uint32_t stream_new(struct world *w) {
  if (w->stream_count == STREAMS_MAX) fail(w, "too many streams", 0, 0);
  return w->stream_count++;
}

static uint8_t byte_of(uint32_t stream, uint64_t at) {
  if (at < 4) return (uint8_t)(stream >> 8 * at);
  return (uint8_t)(at * 31 + (at >> 8) * 17 + (at >> 16) + stream * 101);
}

void stream_fill(const struct world *w, uint32_t stream, uint64_t from, uint8_t *to, uint32_t length) {
  (void)w;
  for (uint32_t i = 0; i < length; i++) to[i] = byte_of(stream, from + i);
}

/** The first four bytes say which stream it is. */
static void name(struct world *w, struct end *end) {
  uint32_t stream = end->head[0] | (uint32_t)end->head[1] << 8;
  if (!stream || stream >= w->stream_count || end->head[2] || end->head[3]) fail(w, "a stream of no name", stream, 0);
  if (w->streams[stream].claimed) fail(w, "a stream with two ends", stream, 0);
  w->streams[stream].claimed = true;
  w->streams[stream].received = 4;
  end->in = stream;
}

void end_received(struct world *w, struct end *end, const uint8_t *bytes, uint32_t length) {
  uint32_t i = 0;
  if (end->ended) fail(w, "a byte after the end", end->in, length);
  for (; i < length && end->head_bytes < 4; i++) end->head[end->head_bytes++] = bytes[i];
  if (end->head_bytes < 4) return;
  if (!end->in) name(w, end);
  struct stream *from = &w->streams[end->in];
  for (; i < length; i++, from->received++)
    if (bytes[i] != byte_of(end->in, from->received)) fail(w, "a wrong byte", end->in, (int64_t)from->received);
  if (from->received > from->offered) fail(w, "a byte that was not sent", end->in, (int64_t)from->received);
}

void end_ended(struct world *w, struct end *end) {
  const struct stream *from = &w->streams[end->in];
  end->ended = true;
  if (end->in && !end->broke && !from->broken && from->received < from->sent)
    fail(w, "an end before the last byte", end->in, (int64_t)(from->sent - from->received));
}

void end_broke(struct world *w, struct end *end) {
  end->broke = true;
  w->streams[end->out].broken = true;
  w->streams[end->in].broken = true;
}

// Provided buffers

uint8_t *buffer_at(struct world *w, uint16_t id) { return w->memory + AT_BUFFERS + (uint32_t)id * BUFFER_BYTES; }

void provide(struct world *w, uint16_t id) {
  struct mr_buf *buffers = (struct mr_buf *)(void *)(w->memory + AT_BUFFER_RING);
  uint16_t tail = buffers->tail;
  struct mr_buf *buffer = &buffers[tail % BUFFERS];
  buffer->addr = address(buffer_at(w, id));
  buffer->len = BUFFER_BYTES;
  buffer->id = id;
  __atomic_store_n(&buffers->tail, (uint16_t)(tail + 1), __ATOMIC_RELEASE);
}
