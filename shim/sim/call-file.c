// Immediate calls on files of the simulated disk, and from files to sockets.
#include "sim.h"
#include <string.h>

#define PATH_BYTES_MAX 4096u
#define AT_FDCWD (-100)
#define SPLICE_BYTES 65536u
#define PIPE_BYTES_MIN 4096u
#define PIPE_BYTES_MAX (1u << 20)

static uint8_t *memory(const struct mr_loop *loop, uint32_t at, uint32_t bytes) {
  return (uint64_t)at + bytes <= loop->bytes ? loop->base + at : NULL;
}

/** The disk file behind a descriptor, or null and the error. */
static struct sim_file *disk_file(struct sim *sim, int fd, int *error) {
  struct sim_file *file = sim_file_at(sim, fd);
  *error = !file ? -EBADF : file->kind != SIM_DISK ? -EINVAL : 0;
  return *error ? NULL : file;
}

int sim_call_open(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  struct sim_file *made;
  if (call->a >= loop->bytes) return -EFAULT;
  const char *path = (const char *)loop->base + call->a;
  uint32_t limit = sim_min(loop->bytes - call->a, PATH_BYTES_MAX);
  if (!memchr(path, 0, limit)) return limit < PATH_BYTES_MAX ? -EFAULT : -ENAMETOOLONG;
  if (*path != '/' && call->fd != AT_FDCWD) return sim_file_at(sim, call->fd) ? -ENOTDIR : -EBADF;
  return sim_open_path(sim, path, call->b, &made);
}

int sim_call_reopen(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  struct sim_file *made, *file = disk_file(sim, call->fd, &error);
  if (!file) return error;
  int fd = sim_file_open(sim, SIM_DISK, &made);
  if (fd < 0) return fd;
  made->inode = file->inode;
  made->inode->opened++;
  made->open_flags = call->b;
  return fd;
}

int sim_call_fstat(struct mr_loop *loop, const struct mr_call_record *call) {
  int error;
  uint8_t *about = memory(loop, call->a, SIM_STATX_BYTES);
  const struct sim_file *file = disk_file(loop->state, call->fd, &error);
  if (!about) return -EFAULT;
  if (!file) return error;
  sim_stat(file->inode, about);
  return 0;
}

/** Every page of the simulated disk is in memory, unless it is to be late. */
static bool is_cold(struct sim *sim) { return sim_fault(sim, MR_SIM_FAULT_DELAY); }

int sim_call_pread(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  uint8_t *bytes = memory(loop, call->a, call->b);
  struct sim_file *file = disk_file(sim, call->fd, &error);
  if (!bytes) return -EFAULT;
  if (!file) return error;
  if (call->c < 0) return -EINVAL;
  if ((call->op & MR_CALL_OP_MASK) == MR_CALL_PREAD && is_cold(sim)) return -EAGAIN;
  return sim_disk_read(sim, file, (uint64_t)call->c, bytes, call->b);
}

int sim_call_resident(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  if (call->c < 0 || call->b < call->a || call->b > INT32_MAX) return -EINVAL;
  if (!sim_file_at(sim, call->fd)) return -EBADF;
  return is_cold(sim) ? 0 : (int)call->b;
}

int sim_call_sendfile(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int error;
  struct sim_file *socket = sim_file_at(sim, call->fd), *file = disk_file(sim, (int)call->a, &error);
  if (!file || !socket) return file ? -EBADF : error;
  if (call->c < 0) return -EINVAL;
  const struct sim_image *image = &file->inode->cached;
  uint64_t place = (uint64_t)call->c;
  if (place >= image->length || !call->b) return 0;
  if (sim_fault(sim, MR_SIM_FAULT_DISK_ERROR)) return -EIO;
  return sim_socket_send(sim, socket, image->bytes + place, sim_min(call->b, image->length - place));
}

static int file_to_pipe(struct sim *sim, const struct mr_call_record *call, struct sim_file *to) {
  int error;
  const struct sim_file *file = disk_file(sim, (int)call->a, &error);
  if (!file) return error;
  const struct sim_image *image = &file->inode->cached;
  uint64_t place = (uint64_t)call->c;
  if (place >= image->length || !call->b) return 0;
  if (sim_fault(sim, MR_SIM_FAULT_DISK_ERROR)) return -EIO;
  return sim_write_special(sim, to, image->bytes + place, sim_min(call->b, image->length - place));
}

/** What the socket does not take stays in the pipe. */
static int pipe_to_socket(struct sim *sim, const struct mr_call_record *call, struct sim_file *to) {
  struct sim_file *from = sim_file_at(sim, (int)call->a);
  if (!from) return -EBADF;
  if (from->kind != SIM_PIPE_READ) return -EINVAL;
  struct sim_stream *stream = &from->pipe->stream;
  uint32_t n = sim_min(sim_min(call->b, SPLICE_BYTES), stream->arrived);
  if (!n) return from->pipe->writer && call->b ? -EAGAIN : 0;
  uint8_t *bytes = sim_alloc(sim, n);
  sim_stream_peek(stream, bytes, n);
  int sent = sim_socket_send(sim, to, bytes, n);
  if (sent > 0) {
    sim_stream_get(sim, stream, bytes, (uint32_t)sent);
    if (from->pipe->writer) sim_wake(sim, from->pipe->writer, MR_POLLOUT);
  }
  sim_free(sim, bytes);
  return sent;
}

int sim_call_splice(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  struct sim_file *to = sim_file_at(sim, call->fd);
  if (!to) return -EBADF;
  if (call->c >= 0) return to->kind == SIM_PIPE_WRITE ? file_to_pipe(sim, call, to) : -EINVAL;
  return to->kind == SIM_SOCKET ? pipe_to_socket(sim, call, to) : -EINVAL;
}

int sim_call_pipe(struct mr_loop *loop, const struct mr_call_record *call) {
  struct sim *sim = loop->state;
  int32_t fds[2];
  uint8_t *out = call->a % sizeof *fds ? NULL : memory(loop, call->a, sizeof fds);
  if (!out) return -EFAULT;
  int error = sim_pipe_open(sim, fds);
  if (error) return error;
  memcpy(out, fds, sizeof fds);
  uint32_t wished = call->b < PIPE_BYTES_MIN ? PIPE_BYTES_MIN : sim_min(call->b, PIPE_BYTES_MAX);
  return (int)(sim_file_at(sim, fds[0])->pipe->stream.window = wished);
}
