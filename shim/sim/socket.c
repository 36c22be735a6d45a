// Ops at sockets: accept, connect, receive, send; what an attempt moves, and what can go wrong in it.
#include "sim.h"
#include <string.h>

#define ACCEPTS_PER_WAKE 64
#define RECEIVES_PER_WAKE 8

// Accept

static int accept_one(struct sim *sim, struct sim_listener *listener) {
  struct sim_file *file;
  if (!listener->first) return -EAGAIN;
  int fd = sim_file_open(sim, SIM_SOCKET, &file);
  if (fd < 0) return fd; // the connection stays where it is
  struct sim_end *end = sim_listener_take(sim, listener);
  file->end = end;
  file->port = end->port;
  if (listener->file) {
    file->family = listener->file->family;
    file->options = listener->file->options; // inherited
  }
  end->file = file;
  sim_windows_set(end->conn);
  return fd;
}

int sim_try_accept(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  struct sim_file *file = op->file;
  if (file->kind != SIM_SOCKET) return -ENOTSOCK;
  if (!file->listener) return -EINVAL;
  for (int budget = ACCEPTS_PER_WAKE; budget > 0 && sim_room(sim); budget--) {
    int fd = accept_one(sim, file->listener);
    if (fd == -EAGAIN) return SIM_WAIT;
    if (fd < 0 || !op->multishot || sim_fault(sim, MR_SIM_FAULT_MULTISHOT_END)) return fd;
    sim_post(sim, op->user_data, fd, MR_CQE_FLAG_MORE);
  }
  sim_rest(sim, file);
  return SIM_WAIT;
}

// Connect

/** What a socket is told once its handshake is over. */
static int connected(struct sim *sim, struct sim_file *file) {
  struct sim_end *end = file->end;
  if (end->conn->made) return 0;
  int error = end->error;
  if (!error) return SIM_WAIT;
  sim_end_leave(sim, end, false);
  file->end = NULL;
  return error;
}

static int target_port(const struct sim_op *op, const struct sim_file *file) {
  const uint8_t *address = mr_pointer(op->addr);
  uint16_t family;
  if (op->len < sizeof family) return -EINVAL;
  memcpy(&family, address, sizeof family);
  if (op->len < (family == MR_AF_INET6 ? SIM_INET6_BYTES : SIM_INET_BYTES)) return -EINVAL;
  if (family != file->family) return family == MR_AF_INET || family == MR_AF_INET6 ? -EINVAL : -EAFNOSUPPORT;
  return address[2] << 8 | address[3];
}

int sim_try_connect(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  struct sim_file *file = op->file;
  if (file->kind != SIM_SOCKET) return -ENOTSOCK;
  if (op->done) return connected(sim, file);
  if (file->listener) return -EISCONN;
  if (file->end && file->end->conn->made) return -EISCONN;
  if (file->end) return file->end->error ? connected(sim, file) : -EALREADY;
  int port = target_port(op, file);
  if (port < 0) return port;
  struct sim_listener *listener = sim_listener_at(sim, (uint16_t)port, true);
  bool outside = !listener;
  if (outside) listener = sim_listener_at(sim, (uint16_t)port, false);
  if (!file->port) file->port = sim_port_free(sim);
  struct sim_conn *conn = sim_conn_new(sim, file->port, (uint16_t)port, outside);
  file->end = &conn->ends[0];
  file->end->file = file;
  file->end->taken = true;
  sim_windows_set(conn);
  op->done = 1; // the handshake is ours
  sim_handshake(sim, conn, listener);
  return connected(sim, file);
}

// What goes wrong on the way

/** Faults of a connection that show when it is read. */
static void trouble_in(struct sim *sim, struct sim_end *end) {
  if (sim_fault(sim, MR_SIM_FAULT_RESET)) sim_conn_break(sim, end);
  if (sim_fault(sim, MR_SIM_FAULT_HALF_CLOSE)) sim_end_shutdown(sim, sim_other(end), false, true);
}

/** Faults of a connection that show when it is written. */
static void trouble_out(struct sim *sim, struct sim_file *file) {
  struct sim_conn *conn = file->end->conn;
  if (sim_fault(sim, MR_SIM_FAULT_AGAIN)) sim_schedule(sim, &file->storm, sim->now + sim_while(sim));
  if (sim_fault(sim, MR_SIM_FAULT_RESET)) sim_conn_break(sim, file->end);
  if (sim_fault(sim, MR_SIM_FAULT_PIPE)) sim_conn_hang_up(sim, file->end);
  if (conn->outside && sim_fault(sim, MR_SIM_FAULT_PARTITION)) sim_partition_set(sim, conn->port, 8 * sim_while(sim));
}

struct sim_end *sim_socket_end(struct sim *sim, const struct sim_file *file, int *error) {
  (void)sim;
  *error = file->kind != SIM_SOCKET ? -ENOTSOCK : file->end && file->end->conn->made ? 0 : -ENOTCONN;
  return *error ? NULL : file->end;
}

// Receive

static int receive(struct sim *sim, struct sim_end *end, void *bytes, uint32_t length) {
  trouble_in(sim, end);
  if (length > 1 && end->in.arrived > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_READ))
    length = 1 + (uint32_t)sim_below(sim, sim_min(length, end->in.arrived));
  int n = sim_end_recv(sim, end, bytes, length);
  if (n > 0) sim_digest(sim, bytes, (uint32_t)n);
  return n;
}

static int or_wait(const struct sim_op *op, int res) {
  return res == -EAGAIN && !(op->op_flags & SIM_MSG_DONTWAIT) ? SIM_WAIT : res;
}

/** One receive into a provided buffer. */
static int receive_selected(struct sim *sim, struct sim_op *op, struct sim_end *end, uint32_t *flags) {
  const struct mr_buf *buffer = sim_buffer(sim);
  if (!buffer || (sim_buffers_away(sim) && sim_fault(sim, MR_SIM_FAULT_NOBUFS))) return -ENOBUFS;
  uint32_t length = op->len && op->len < buffer->len ? op->len : buffer->len;
  if (!length || !mr_inside(sim->loop, buffer->addr, length)) return -EFAULT;
  int n = receive(sim, end, mr_pointer(buffer->addr), length);
  if (n <= 0) return or_wait(op, n); // the end of the stream leaves the buffer where it is
  *flags = sim_buffer_take(sim, (uint32_t)n) | (end->in.arrived ? MR_CQE_FLAG_SOCK_NONEMPTY : 0u);
  return n;
}

static int receive_multishot(struct sim *sim, struct sim_op *op, struct sim_end *end, uint32_t *flags) {
  for (int budget = RECEIVES_PER_WAKE; budget > 0 && sim_room(sim); budget--) {
    int n = receive_selected(sim, op, end, flags);
    if (n <= 0 || sim_fault(sim, MR_SIM_FAULT_MULTISHOT_END)) return n;
    sim_post(sim, op->user_data, n, *flags | MR_CQE_FLAG_MORE);
    *flags = 0;
    if (!(sim_end_mask(end) & MR_POLLIN)) return SIM_WAIT;
  }
  sim_rest(sim, op->file);
  return SIM_WAIT;
}

int sim_try_recv(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  int error;
  struct sim_end *end = sim_socket_end(sim, op->file, &error);
  if (!end) return error;
  if (op->multishot) return receive_multishot(sim, op, end, flags);
  if (op->flags & MR_SQE_FLAG_BUFFER_SELECT) return receive_selected(sim, op, end, flags);
  for (;;) {
    int n = receive(sim, end, mr_pointer(op->addr + op->done), op->len - op->done);
    if (n < 0 && or_wait(op, n) == SIM_WAIT) return SIM_WAIT;
    if (n < 0) return op->done ? (int)op->done : n;
    op->done += (uint32_t)n;
    if (n == 0 || op->done == op->len || !(op->op_flags & MR_MSG_WAITALL)) return (int)op->done;
  }
}

/** The part that holds byte `skip` of a list → what of it lies behind that byte; false: the list is shorter. */
static bool part_at(struct sim_parts parts, uint64_t skip, uint64_t *at, uint32_t *length) {
  uint64_t part[2];
  for (uint64_t i = 0; i < parts.count; i++, skip -= part[1]) {
    memcpy(part, mr_pointer(parts.at + i * sizeof part), sizeof part);
    if (skip >= part[1]) continue;
    *at = part[0] + skip;
    *length = sim_min(part[1] - skip, INT32_MAX);
    return true;
  }
  return false;
}

int sim_try_recvmsg(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  int error;
  struct sim_end *end = sim_socket_end(sim, op->file, &error);
  if (!end) return error;
  for (uint32_t before = op->done;;) {
    uint64_t at;
    uint32_t length;
    if (!part_at((struct sim_parts){op->addr, op->off}, op->done, &at, &length)) return (int)op->done;
    int n = receive(sim, end, mr_pointer(at), length);
    if (n == -EAGAIN && op->done > before && !(op->op_flags & MR_MSG_WAITALL)) return (int)op->done;
    if (n < 0 && or_wait(op, n) == SIM_WAIT) return SIM_WAIT;
    if (n <= 0) return n == 0 || op->done ? (int)op->done : n;
    op->done += (uint32_t)n;
  }
}

// Send

int sim_socket_send(struct sim *sim, struct sim_file *file, const void *bytes, uint32_t length) {
  int error;
  struct sim_end *end = sim_socket_end(sim, file, &error);
  if (!end) return error == -ENOTCONN ? -EPIPE : error;
  trouble_out(sim, file);
  error = sim_end_sendable(sim, end);
  if (error < 0 && error != -EAGAIN) return error;
  if (file->storm.place) return -EAGAIN;
  if (length > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_WRITE)) length = 1 + (uint32_t)sim_below(sim, length);
  return length ? sim_end_send(sim, end, bytes, length) : 0;
}

int sim_send_parts(struct sim *sim, struct sim_file *file, struct sim_parts parts, uint64_t skip) {
  uint64_t done = 0, at = parts.at;
  uint32_t length = 0;
  do {
    if (!part_at(parts, skip + done, &at, &length)) return done ? (int)done : sim_socket_send(sim, file, NULL, 0);
    int n = sim_socket_send(sim, file, mr_pointer(at), length);
    if (n < 0) return done ? (int)done : n;
    done += (uint32_t)n;
    if ((uint32_t)n < length) break;
  } while (done < INT32_MAX);
  return (int)done;
}

static int send_some(struct sim *sim, const struct sim_op *op) {
  if (op->opcode == MR_OP_SEND || op->opcode == MR_OP_SEND_ZC)
    return sim_socket_send(sim, op->file, mr_pointer(op->addr + op->done), op->len - op->done);
  return sim_send_parts(sim, op->file, (struct sim_parts){op->addr, op->off}, op->done);
}

static int send_all(struct sim *sim, struct sim_op *op) {
  for (;;) {
    int n = send_some(sim, op);
    if (n < 0 && or_wait(op, n) == SIM_WAIT) return SIM_WAIT;
    if (n < 0) return op->done ? (int)op->done : n;
    op->done += (uint32_t)n;
    if (op->done == op->len || !(op->op_flags & MR_MSG_WAITALL)) return (int)op->done;
  }
}

int sim_try_send(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  return send_all(sim, op);
}
