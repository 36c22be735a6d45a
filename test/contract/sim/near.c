// Sockets of the loop: every way to connect, receive, send and close.
#include "actors.h"
#include <string.h>

#define SHUT_READ 0

static struct near *free_near(struct actors *a) {
  for (int i = 0; i < NEARS; i++)
    if (!a->nears[i].used) return &a->nears[i];
  return NULL;
}

static struct near *begin(struct actors *a, int fd) {
  struct near *near = free_near(a);
  uint32_t receive_at = near->receive_at, send_at = near->send_at;
  *near = (struct near){.used = true, .fd = fd, .receive_at = receive_at, .send_at = send_at};
  near->end.out = stream_new(a->w);
  return near;
}

/** An SQE of this socket. */
static struct op *submit_near(struct actors *a, struct near *near, struct mr_sqe sqe) {
  sqe.fd = near->fd;
  struct op *op = submit(a->w, sqe);
  op->kind = KIND_NEAR;
  op->owner = (int32_t)(near - a->nears);
  near->pending++;
  return op;
}

void near_connect(struct actors *a) {
  struct world *w = a->w;
  if (!free_near(a) || w->stream_count + 4 > STREAMS_MAX) return;
  int fd = call(w, (struct mr_call_record){.op = MR_CALL_SOCKET, .a = MR_AF_INET, .b = MR_SOCK_STREAM});
  if (fd < 0) return;
  struct near *near = begin(a, fd);
  uint16_t port = pick(w, 3) ? PORT_REMOTE : PORT_LOOP;
  const uint8_t to[16] = {MR_AF_INET, 0, (uint8_t)(port >> 8), (uint8_t)port, 127, 0, 0, 1};
  memcpy(w->memory + near->send_at, to, sizeof to);
  submit_near(a, near, (struct mr_sqe){.opcode = MR_OP_CONNECT, .addr = address(w->memory + near->send_at), .off = 16});
  near->connecting = true;
}

void near_accepted(struct actors *a, int fd) {
  if (free_near(a) && a->w->stream_count + 4 <= STREAMS_MAX)
    begin(a, fd);
  else if (call(a->w, (struct mr_call_record){.op = MR_CALL_CLOSE, .fd = fd}) != 0)
    fail(a->w, "close", fd, 0);
}

static void receive(struct actors *a, struct near *near) {
  struct world *w = a->w;
  struct mr_sqe sqe = {.opcode = MR_OP_RECV};
  switch (pick(w, 4)) {
  case 0:
    sqe.addr = address(w->memory + near->receive_at);
    sqe.len = 1 + (uint32_t)pick(w, RECEIVE_BYTES);
    sqe.op_flags = pick(w, 3) ? 0 : MR_MSG_WAITALL;
    break;
  case 1:
    sqe.flags = MR_SQE_FLAG_BUFFER_SELECT;
    sqe.len = (uint32_t)pick(w, 300);
    sqe.buf_group = MR_BUF_GROUP;
    break;
  default:
    sqe.flags = MR_SQE_FLAG_BUFFER_SELECT;
    sqe.ioprio = MR_RECV_MULTISHOT;
    sqe.buf_group = MR_BUF_GROUP;
  }
  submit_near(a, near, sqe)->place = near->receive_at;
  near->receiving = true;
}

/** A msghdr of two parts, in the first bytes behind the data. */
static uint64_t message(struct actors *a, const struct near *near, uint32_t length) {
  uint8_t *bytes = a->w->memory + near->send_at, *at = bytes + SEND_BYTES;
  uint32_t cut = (uint32_t)pick(a->w, length + 1);
  const uint64_t parts[4] = {address(bytes), cut, address(bytes + cut), length - cut};
  const uint64_t header[7] = {0, 0, address(at + 64), 2, 0, 0, 0};
  memcpy(at, header, sizeof header);
  memcpy(at + 64, parts, sizeof parts);
  return address(at);
}

static void send_by_call(struct actors *a, struct near *near, uint32_t length) {
  struct world *w = a->w;
  struct stream *stream = &w->streams[near->end.out];
  int n = call(w, (struct mr_call_record){.op = MR_CALL_SEND, .fd = near->fd, .a = near->send_at, .b = length});
  if (n > 0)
    stream->offered = stream->sent += (uint32_t)n;
  else if (n != -MR_EAGAIN)
    end_broke(w, &near->end);
}

static void send(struct actors *a, struct near *near) {
  struct world *w = a->w;
  struct stream *stream = &w->streams[near->end.out];
  uint32_t length = 1 + (uint32_t)pick(w, SEND_BYTES);
  if (stream->sent == 0 && length < 4) length = 4;
  stream_fill(w, near->end.out, stream->sent, w->memory + near->send_at, length);
  if (pick(w, 3) == 0) return send_by_call(a, near, length);
  const uint8_t opcodes[] = {MR_OP_SEND, MR_OP_SENDMSG, MR_OP_SEND_ZC, MR_OP_SENDMSG_ZC};
  struct mr_sqe sqe = {.opcode = opcodes[pick(w, 4)], .len = length};
  bool gathered = sqe.opcode == MR_OP_SENDMSG || sqe.opcode == MR_OP_SENDMSG_ZC;
  sqe.addr = gathered ? message(a, near, length) : address(w->memory + near->send_at);
  sqe.op_flags = MR_MSG_NOSIGNAL | (pick(w, 2) ? MR_MSG_WAITALL : 0);
  if (gathered) sqe.len = 1;
  struct op *op = submit_near(a, near, sqe);
  op->length = length;
  op->whole = sqe.op_flags & MR_MSG_WAITALL;
  stream->offered = stream->sent + length;
  near->sending = true;
}

static void cancel_all(struct actors *a, struct near *near) {
  submit_near(a, near, (struct mr_sqe){.opcode = MR_OP_ASYNC_CANCEL, .op_flags = MR_CANCEL_FD | MR_CANCEL_ALL});
  near->cancelling = true;
}

void near_close(struct actors *a, struct near *near) {
  near->closing = true;
  if (near->pending) {
    if (!near->cancelling && sq_has_room(a->w, 1)) cancel_all(a, near);
    return;
  }
  if (call(a->w, (struct mr_call_record){.op = MR_CALL_CLOSE, .fd = near->fd}) != 0) fail(a->w, "close", near->fd, 0);
  near->used = false;
}

void near_act(struct actors *a, struct near *near) {
  struct world *w = a->w;
  if (!near->used || near->connecting || !sq_has_room(w, 4)) return;
  if (near->closing) return near_close(a, near);
  uint64_t choice = pick(w, 40);
  if (choice < 16 && !near->receiving && !near->end.ended) return receive(a, near);
  if (choice < 32 && !near->sending && !near->shut) return send(a, near);
  if (choice == 32 && !near->sending) {
    call(w, (struct mr_call_record){.op = MR_CALL_SHUTDOWN, .fd = near->fd, .a = MR_SHUT_WR});
    near->shut = true;
  }
  if (choice == 33 && !near->cancelling) cancel_all(a, near);
  if (choice == 34)
    submit_near(a, near, (struct mr_sqe){.opcode = MR_OP_POLL_ADD, .op_flags = 1 + (uint32_t)pick(w, 5)});
  if (choice == 35 && pick(w, 3) == 0) {
    if (pick(w, 2)) mr_sim_linger(w->loop, near->fd);
    end_broke(w, &near->end);
    near_close(a, near);
  }
}

/** The bytes of a receive, wherever they are; a buffer that is used up goes back. */
static void received(struct actors *a, struct near *near, const struct op *op, const struct mr_cqe *cqe) {
  uint32_t n = (uint32_t)cqe->res;
  if (!(cqe->flags & MR_CQE_FLAG_BUFFER)) return end_received(a->w, &near->end, a->w->memory + op->place, n);
  uint16_t id = (uint16_t)(cqe->flags >> MR_CQE_BUFFER_SHIFT);
  if (id >= BUFFERS) fail(a->w, "a buffer of no name", id, 0);
  if (a->offsets[id] + n > BUFFER_BYTES) fail(a->w, "more than a buffer holds", id, n);
  end_received(a->w, &near->end, buffer_at(a->w, id) + a->offsets[id], n);
  a->offsets[id] = (uint16_t)(a->offsets[id] + n);
  if (cqe->flags & MR_CQE_FLAG_BUF_MORE) return;
  a->offsets[id] = 0;
  provide(a->w, id);
}

static bool fatal(int res) {
  return res < 0 && res != -MR_ECANCELED && res != -MR_ENOBUFS && res != -MR_ENOMEM && res != -MR_EAGAIN;
}

void near_completed(struct actors *a, const struct op *op, const struct mr_cqe *cqe) {
  struct near *near = &a->nears[op->owner];
  if (!op->pending) near->pending--;
  switch (op->opcode) {
  case MR_OP_CONNECT:
    near->connecting = false;
    if (cqe->res < 0) near_close(a, near);
    return;
  case MR_OP_ASYNC_CANCEL:
    near->cancelling = false;
    return;
  case MR_OP_RECV:
    if (cqe->res > 0) received(a, near, op, cqe);
    if (cqe->res == 0) end_ended(a->w, &near->end);
    if (!op->pending) near->receiving = false;
    break;
  case MR_OP_POLL_ADD:
    return;
  default:
    if (!(cqe->flags & MR_CQE_FLAG_NOTIF)) {
      struct stream *stream = &a->w->streams[near->end.out];
      if (cqe->res > (int32_t)op->length) fail(a->w, "more sent than there was", cqe->res, op->length);
      if (cqe->res > 0) stream->sent += (uint32_t)cqe->res;
      if (op->whole && cqe->res > 0 && (uint32_t)cqe->res < op->length) end_broke(a->w, &near->end);
      stream->offered = stream->sent;
      if (a->w->streams[near->end.out].received > stream->sent)
        fail(a->w, "sent and not said", near->end.out, (int64_t)(stream->received - stream->sent));
    }
    if (!op->pending) near->sending = false;
  }
  if (fatal(cqe->res)) end_broke(a->w, &near->end);
}
