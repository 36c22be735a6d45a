// A turn: some actors act, the loop enters, and what is complete goes to whom it belongs.
#include "actors.h"

#define PLACE_BYTES 8192u
#define QUIET_ENTERS 4000
#define MS INT64_C(1000000)

static uint32_t place(struct world *w, uint32_t bytes) {
  uint32_t at = w->scratch;
  w->scratch += (bytes + 63) / 64 * 64;
  return at;
}

void actors_open(struct actors *a, struct world *w) {
  *a = (struct actors){.w = w, .file = -1};
  a->scratch = place(w, PLACE_BYTES);
  a->file_at = place(w, PLACE_BYTES);
  a->path_at = place(w, 64);
  for (int i = 0; i < NEARS; i++) {
    a->nears[i].receive_at = place(w, PLACE_BYTES);
    a->nears[i].send_at = place(w, PLACE_BYTES);
  }
  a->listener = call(w, (struct mr_call_record){.op = MR_CALL_SOCKET, .a = MR_AF_INET, .b = MR_SOCK_STREAM});
  const uint8_t name[16] = {MR_AF_INET, 0, PORT_LOOP >> 8, PORT_LOOP & 0xff, 127, 0, 0, 1};
  for (uint32_t i = 0; i < sizeof name; i++) w->memory[a->scratch + i] = name[i];
  struct mr_call_record record = {.op = MR_CALL_BIND, .fd = a->listener, .a = a->scratch, .b = sizeof name};
  if (call(w, record) != 0) fail(w, "bind", a->listener, 0);
  record = (struct mr_call_record){.op = MR_CALL_LISTEN, .fd = a->listener, .a = (uint32_t)pick(w, 8)};
  if (call(w, record) != 0) fail(w, "listen", a->listener, 0);
  if (mr_sim_listen(w->loop, PORT_REMOTE, (int)pick(w, 8)) != 0) fail(w, "a peer cannot listen", 0, 0);
}

static void accept(struct actors *a) {
  if (a->accepting || !sq_has_room(a->w, 1)) return;
  struct mr_sqe sqe = {.opcode = MR_OP_ACCEPT, .fd = a->listener, .ioprio = pick(a->w, 3) ? MR_ACCEPT_MULTISHOT : 0};
  submit(a->w, sqe)->kind = KIND_ACCEPT;
  a->accepting = true;
}

/** A chain: does nothing, waits a little, or fails; sometimes under a guard. */
static void chain(struct world *w) {
  uint32_t length = 1 + (uint32_t)pick(w, 4);
  if (!sq_has_room(w, length + 1)) return;
  int64_t *time = (int64_t *)(void *)(w->memory + place(w, 16));
  time[0] = 0;
  time[1] = (int64_t)pick(w, 3000000);
  if (w->scratch > (1u << 23)) return;
  for (uint32_t i = 0; i < length; i++) {
    struct mr_sqe sqe = {.flags = i + 1 < length ? MR_SQE_FLAG_IO_LINK : 0};
    uint64_t what = pick(w, 8);
    sqe.opcode = what == 0 ? MR_OP_FSYNC : what < 3 ? MR_OP_TIMEOUT : what == 3 ? 200 : MR_OP_NOP;
    if (sqe.opcode == MR_OP_FSYNC) sqe.fd = 99999;
    if (i && what == 4) sqe.opcode = MR_OP_LINK_TIMEOUT;
    if (sqe.opcode == MR_OP_TIMEOUT || sqe.opcode == MR_OP_LINK_TIMEOUT) {
      sqe.addr = address(time);
      sqe.len = 1;
    }
    submit(w, sqe);
  }
}

static void cancel_one(struct world *w) {
  if (!sq_has_room(w, 1)) return;
  struct mr_sqe sqe = {.opcode = MR_OP_ASYNC_CANCEL, .flags = MR_SQE_FLAG_CQE_SKIP_SUCCESS};
  uint64_t back = 1 + pick(w, 40);
  sqe.addr = w->op_count > back ? w->op_count - back : 1;
  submit(w, sqe);
}

static void act(struct actors *a) {
  struct world *w = a->w;
  switch (pick(w, 20)) {
  case 0:
    return accept(a);
  case 1:
    return far_connect(a);
  case 2:
    return sq_has_room(w, 2) ? near_connect(a) : (void)0;
  case 3:
    return far_accept(a);
  case 4:
    return chain(w);
  case 5:
    return pick(w, 3) ? (void)0 : cancel_one(w);
  case 6:
  case 7:
    return file_act(a);
  case 8:
    if (pick(w, 6) == 0) mr_sim_partition(w->loop, pick(w, 2) ? PORT_LOOP : 0, pick(w, 3) == 0);
    return;
  case 9:
    mr_sim_advance(w->loop, (uint32_t)pick(w, 500));
    return;
  default:
    return pick(w, 2) ? near_act(a, &a->nears[pick(w, NEARS)]) : far_act(a, &a->fars[pick(w, FARS)]);
  }
}

static void completions(struct actors *a, uint64_t most) {
  struct mr_cqe cqe;
  struct op *op;
  for (; most && next(a->w, &cqe, &op); most--) {
    if (op->kind == KIND_NEAR) near_completed(a, op, &cqe);
    if (op->kind == KIND_FILE) file_completed(a, op, &cqe);
    if (op->kind != KIND_ACCEPT) continue;
    if (!op->pending) a->accepting = false;
    if (cqe.res >= 0) near_accepted(a, cqe.res);
  }
}

void actors_turn(struct actors *a) {
  struct world *w = a->w;
  for (uint64_t n = pick(w, 12); n; n--) act(a);
  enter(w, (uint32_t)pick(w, 3), pick(w, 10) ? (int64_t)pick(w, 1000000) : -1);
  completions(a, pick(w, 4) ? UINT64_MAX : pick(w, 20));
}

static bool all_closed(struct actors *a) {
  bool closed = true;
  for (int i = 0; i < NEARS; i++) {
    struct near *near = &a->nears[i];
    if (near->used) near_close(a, near);
    if (near->used) closed = false;
  }
  return closed;
}

void actors_close(struct actors *a) {
  struct world *w = a->w;
  for (int i = 0; i < FARS; i++)
    if (a->fars[i].used) far_close(a, &a->fars[i]);
  struct mr_call_record shut = {.op = MR_CALL_SHUTDOWN, .fd = a->listener, .a = MR_SHUT_RDWR};
  if (call(w, shut) != 0) fail(w, "shutdown of the listener", a->listener, 0);
  for (int quiet = 0; quiet < QUIET_ENTERS; quiet++) {
    enter(w, 1, 50 * MS);
    completions(a, UINT64_MAX);
    if (!all_closed(a) || w->pending) continue;
    quiet = QUIET_ENTERS;
  }
  if (!all_closed(a)) fail(w, "a socket does not come to its end", w->pending, 0);
  for (int fd = 3; fd < 1000; fd++) { // connections that nobody took out of a queue were closed with the listener
    if (fd != a->listener && fd != a->file) continue;
    if (call(w, (struct mr_call_record){.op = MR_CALL_CLOSE, .fd = fd}) != 0) fail(w, "close", fd, 0);
  }
}
