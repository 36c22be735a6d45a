// Immediate calls of the simulated machine.
#include "sim.h"
#include <string.h>

#define SO_TYPE 3
#define SO_ERROR 4
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_ACCEPTCONN 30
#define TYPE_MASK 0xf
#define OP_MASK 0xffu // flags may stand beside the number
#define BUFFER_BYTES_MIN 2304
#define BUFFER_BYTES_MAX (4 << 20)
#define BACKLOG_MAX 4096u
#define PARTS_MAX 1024u

static struct sim_file *file_of(const struct mr_loop *loop, const struct mr_call_record *call) {
  return sim_file_at(loop->state, call->fd);
}

/** A socket, or null and the error. */
static struct sim_file *socket_of(const struct mr_loop *loop, const struct mr_call_record *call, int *error) {
  struct sim_file *file = file_of(loop, call);
  *error = !file ? -EBADF : file->kind != SIM_SOCKET ? -ENOTSOCK : 0;
  return *error ? NULL : file;
}

/** The sockaddr or buffer at offset a, b bytes long; null when it does not lie in the memory. */
static uint8_t *operand(const struct mr_loop *loop, const struct mr_call_record *call) {
  return (uint64_t)call->a + call->b <= loop->bytes ? loop->base + call->a : NULL;
}

static int call_socket(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim_file *file;
  if (call->a != MR_AF_INET && call->a != MR_AF_INET6) return -EAFNOSUPPORT;
  if ((call->b & TYPE_MASK) != MR_SOCK_STREAM || (call->c && call->c != MR_IPPROTO_TCP)) return -EPROTONOSUPPORT;
  if (sim_fault(loop->state, MR_SIM_FAULT_NOMEM)) return -ENOMEM;
  int fd = sim_file_open(loop->state, SIM_SOCKET, &file);
  if (fd >= 0) file->family = (uint16_t)call->a;
  return fd;
}

static uint32_t address_bytes(const struct sim_file *file) {
  return file->family == MR_AF_INET6 ? SIM_INET6_BYTES : SIM_INET_BYTES;
}

static int call_bind(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  struct sim_file *file = socket_of(loop, call, &error);
  const uint8_t *address = operand(loop, call);
  uint16_t family;
  if (!address) return -EFAULT;
  if (!file) return error;
  if (call->b < address_bytes(file) || file->port) return -EINVAL;
  memcpy(&family, address, sizeof family);
  if (family != file->family) return -EAFNOSUPPORT;
  uint16_t port = (uint16_t)(address[2] << 8 | address[3]);
  if (port && sim_port_taken(sim, port, file)) return -EADDRINUSE;
  file->port = port ? port : sim_port_free(sim);
  return 0;
}

static int call_listen(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  struct sim_file *file = socket_of(loop, call, &error);
  if (!file) return error;
  if (file->end) return -EINVAL;
  uint32_t backlog = sim_min(call->a, BACKLOG_MAX); // a negative one is as large as can be
  if (!file->port) file->port = sim_port_free(sim);
  if (file->listener)
    file->listener->backlog = backlog;
  else
    file->listener = sim_listener_new(sim, file, file->port, backlog);
  return 0;
}

/** The place an option is kept in; null: unknown. */
static int32_t *flag_of(struct sim_file *file, uint32_t level, uint32_t option) {
  struct sim_options *options = &file->options;
  if (level == MR_IPPROTO_TCP) return option == MR_TCP_NODELAY ? &options->no_delay : NULL;
  if (level == MR_IPPROTO_IPV6) return option == MR_IPV6_V6ONLY ? &options->v6_only : NULL;
  if (level != MR_SOL_SOCKET) return NULL;
  return option == MR_SO_REUSEADDR   ? &options->reuse_address
         : option == MR_SO_REUSEPORT ? &options->reuse_port
         : option == SO_KEEPALIVE    ? &options->keep_alive
                                     : NULL;
}

static uint32_t *buffer_of(struct sim_file *file, uint32_t level, uint32_t option) {
  if (level != MR_SOL_SOCKET) return NULL;
  return option == SO_SNDBUF ? &file->options.send_bytes : option == SO_RCVBUF ? &file->options.receive_bytes : NULL;
}

/** A buffer that has become larger may let a send go on. */
static void windows_changed(struct sim *sim, const struct sim_file *file) {
  if (!file->end) return;
  struct sim_conn *conn = file->end->conn;
  sim_windows_set(conn);
  for (uint32_t i = 0; i < 2; i++)
    if (conn->ends[i].file) sim_wake(sim, conn->ends[i].file, MR_POLLOUT);
}

static int call_setsockopt(struct mr_loop *loop, const struct mr_call_record *call) {
  int error;
  struct sim_file *file = socket_of(loop, call, &error);
  if (!file) return error;
  uint32_t *buffer = buffer_of(file, call->a, call->b);
  if (buffer) { // doubled for the kernel's own needs, as on Linux
    int64_t bytes = (int32_t)call->c < BUFFER_BYTES_MAX / 2 ? (int32_t)call->c * INT64_C(2) : BUFFER_BYTES_MAX;
    *buffer = (uint32_t)(bytes < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : bytes);
    windows_changed(loop->state, file);
    return 0;
  }
  int32_t *flag = flag_of(file, call->a, call->b);
  if (!flag) return -ENOPROTOOPT;
  *flag = (int32_t)call->c != 0;
  return 0;
}

static int call_getsockopt(struct mr_loop *loop, const struct mr_call_record *call) {
  const struct sim *sim = loop->state;
  int error;
  struct sim_file *file = socket_of(loop, call, &error);
  if (!file) return error;
  const uint32_t *buffer = buffer_of(file, call->a, call->b);
  if (buffer) return (int)(*buffer ? *buffer : sim->window / 2);
  const int32_t *flag = flag_of(file, call->a, call->b);
  if (flag) return *flag;
  if (call->a != MR_SOL_SOCKET) return -ENOPROTOOPT;
  switch (call->b) {
  case SO_TYPE:
    return MR_SOCK_STREAM;
  case SO_ACCEPTCONN:
    return file->listener != NULL;
  case SO_ERROR:
    error = file->end ? -file->end->error : 0;
    if (file->end) file->end->error = 0;
    return error;
  default:
    return -ENOPROTOOPT;
  }
}

/** 127.0.0.1 or ::1, or any address for what listens there, cut at `capacity`. */
static void put_address(uint8_t *to, uint32_t capacity, const struct sim_file *file, uint16_t port) {
  uint8_t address[SIM_INET6_BYTES] = {0};
  memcpy(address, &file->family, sizeof file->family);
  address[2] = (uint8_t)(port >> 8);
  address[3] = (uint8_t)port;
  if (file->family == MR_AF_INET6)
    address[23] = 1;
  else {
    address[4] = 127;
    address[7] = 1;
  }
  memcpy(to, address, sim_min(capacity, address_bytes(file)));
}

static int call_name(struct mr_loop *loop, const struct mr_call_record *call) {
  int error;
  uint8_t *to = operand(loop, call);
  const struct sim_file *file = socket_of(loop, call, &error);
  if (!to) return -EFAULT;
  if (!file) return error;
  uint16_t port = file->port;
  if ((call->op & OP_MASK) == MR_CALL_GETPEERNAME) {
    if (!file->end || !file->end->conn->made || file->end->dead) return -ENOTCONN;
    port = sim_other(file->end)->port;
  }
  put_address(to, call->b, file, port);
  return (int)address_bytes(file);
}

static int call_shutdown(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  struct sim_file *file = socket_of(loop, call, &error);
  if (!file) return error;
  if (call->a > MR_SHUT_RDWR) return -EINVAL;
  if (file->listener && call->a != MR_SHUT_WR) {
    sim_listener_free(sim, file->listener);
    file->listener = NULL;
    sim_wake(sim, file, MR_POLLIN | SIM_POLLHUP);
    return 0;
  }
  if (!file->end || !file->end->conn->made || file->end->dead) return -ENOTCONN;
  sim_end_shutdown(sim, file->end, call->a != MR_SHUT_WR, call->a >= MR_SHUT_WR);
  return 0;
}

static int call_close(struct mr_loop *loop, const struct mr_call_record *call) {
  return sim_file_close(loop->state, call->fd);
}

static int call_send(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim_file *file = file_of(loop, call);
  const uint8_t *bytes = operand(loop, call);
  if (!file) return bytes ? -EBADF : -EFAULT;
  return bytes ? sim_socket_send(loop->state, file, bytes, call->b) : -EFAULT;
}

static int call_sendmsg(struct mr_loop *loop, const struct mr_call_record *call) {
  uint64_t table = (uint64_t)call->b * 16, part[2];
  if (call->a % 8 != 0 || call->a > loop->bytes || table > loop->bytes - call->a) return -EFAULT;
  struct sim_parts parts = {(uint64_t)(uintptr_t)(loop->base + call->a), sim_min(call->b, PARTS_MAX)};
  for (uint64_t i = 0; i < parts.count; i++) {
    memcpy(part, mr_pointer(parts.at + i * sizeof part), sizeof part);
    if (!mr_inside(loop, part[0], part[1])) return -EFAULT;
  }
  struct sim_file *file = file_of(loop, call);
  return file ? sim_send_parts(loop->state, file, parts, 0) : -EBADF;
}

static const mr_call_fn calls[] = {
    [MR_CALL_SOCKET] = call_socket,
    [MR_CALL_BIND] = call_bind,
    [MR_CALL_LISTEN] = call_listen,
    [MR_CALL_SETSOCKOPT] = call_setsockopt,
    [MR_CALL_GETSOCKOPT] = call_getsockopt,
    [MR_CALL_GETPEERNAME] = call_name,
    [MR_CALL_GETSOCKNAME] = call_name,
    [MR_CALL_SHUTDOWN] = call_shutdown,
    [MR_CALL_CLOSE] = call_close,
    [MR_CALL_SEND] = call_send,
    [MR_CALL_SENDMSG] = call_sendmsg,
    [MR_CALL_OPEN] = sim_call_open,
    [MR_CALL_REOPEN] = sim_call_reopen,
    [MR_CALL_FSTAT] = sim_call_fstat,
    [MR_CALL_PREAD] = sim_call_pread,
    [MR_CALL_PREAD_WAIT] = sim_call_pread,
    [MR_CALL_RESIDENT] = sim_call_resident,
    [MR_CALL_SENDFILE] = sim_call_sendfile,
    [MR_CALL_MMAP_SEND] = sim_call_sendfile,
    [MR_CALL_SPLICE] = sim_call_splice,
    [MR_CALL_PIPE] = sim_call_pipe,
};

bool sim_calls(struct mr_loop *loop, struct mr_call_record *records, uint32_t count) {
  struct sim *sim = loop->state;
  sim_pass(sim, sim->now); // what is due has happened before
  bool sleep = mr_calls_each(loop, records, count, calls, sizeof calls / sizeof *calls);
  for (uint32_t i = 0; i < count; i++) sim_digest_number(sim, (uint32_t)records[i].result);
  return sleep;
}
