// One file, and a shadow of what must be in it.
#include "actors.h"
#include <string.h>

#define PATH "/log"
#define AT_FDCWD (-100)
#define O_RDWR_CREAT 0102u
#define PIECE_BYTES 3000u

static struct op *submit_file(struct actors *a, struct mr_sqe sqe) {
  struct op *op = submit(a->w, sqe);
  op->kind = KIND_FILE;
  a->filing = true;
  return op;
}

void file_open(struct actors *a) {
  if (!sq_has_room(a->w, 2)) return;
  memcpy(a->w->memory + a->path_at, PATH, sizeof PATH);
  struct mr_sqe sqe = {.opcode = MR_OP_OPENAT, .fd = AT_FDCWD, .addr = address(a->w->memory + a->path_at)};
  sqe.op_flags = O_RDWR_CREAT;
  submit_file(a, sqe);
}

void file_act(struct actors *a) {
  struct world *w = a->w;
  if (a->filing || !sq_has_room(w, 2)) return;
  if (a->file < 0) return file_open(a);
  uint32_t length = 1 + (uint32_t)pick(w, PIECE_BYTES), place = (uint32_t)pick(w, FILE_BYTES - length);
  struct mr_sqe sqe = {.fd = a->file, .addr = address(w->memory + a->file_at), .len = length, .off = place};
  switch (pick(w, 4)) {
  case 0:
    submit_file(a, (struct mr_sqe){.opcode = MR_OP_FSYNC, .fd = a->file, .op_flags = (uint32_t)pick(w, 2)});
    return;
  case 1:
    sqe.opcode = MR_OP_READ;
    break;
  default:
    sqe.opcode = MR_OP_WRITE;
    for (uint32_t i = 0; i < length; i++) w->memory[a->file_at + i] = (uint8_t)pick(w, 256);
    memcpy(a->staging, w->memory + a->file_at, length);
  }
  struct op *op = submit_file(a, sqe);
  op->place = place;
  op->length = length;
}

void file_completed(struct actors *a, const struct op *op, const struct mr_cqe *cqe) {
  struct world *w = a->w;
  a->filing = false;
  if (cqe->res < 0) return;
  uint32_t n = (uint32_t)cqe->res;
  if (op->opcode == MR_OP_OPENAT) a->file = cqe->res;
  if (op->opcode == MR_OP_WRITE) {
    memcpy(a->shadow + op->place, a->staging, n);
    if (op->place + n > a->file_length) a->file_length = op->place + n;
  }
  if (op->opcode != MR_OP_READ) return;
  if (op->place + n > a->file_length && n) fail(w, "a read beyond the end", op->place, n);
  if (memcmp(w->memory + a->file_at, a->shadow + op->place, n) != 0) fail(w, "a file reads otherwise", op->place, n);
}
