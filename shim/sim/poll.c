// Polls, and the files that are neither sockets nor on disk: eventfds and pipes.
#include "sim.h"
#include <string.h>

#define PIPE_BYTES 65536u
#define COUNTER_MAX (UINT64_MAX - 1)
#define COUNTER_BYTES 8u

int sim_try_nop(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)sim, (void)op, (void)flags;
  return 0;
}

int sim_try_poll(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  uint32_t events = sim_file_mask(sim, op->file) & (op->events | SIM_TROUBLE);
  if (!events) return SIM_WAIT;
  if (!op->multishot || sim_fault(sim, MR_SIM_FAULT_MULTISHOT_END)) return (int)events;
  sim_post(sim, op->user_data, (int32_t)events, MR_CQE_FLAG_MORE);
  return SIM_WAIT;
}

uint32_t sim_special_mask(const struct sim_file *file) {
  const struct sim_pipe *pipe = file->pipe;
  switch (file->kind) {
  case SIM_EVENTFD:
    return (file->counter ? MR_POLLIN : 0u) | (file->counter < COUNTER_MAX ? MR_POLLOUT : 0u);
  case SIM_PIPE_READ:
    return (pipe->stream.arrived ? MR_POLLIN : 0u) | (pipe->writer ? 0u : SIM_POLLHUP);
  case SIM_PIPE_WRITE:
    return (sim_stream_room(&pipe->stream) ? MR_POLLOUT : 0u) | (pipe->reader ? 0u : SIM_POLLERR);
  default:
    return MR_POLLIN | MR_POLLOUT;
  }
}

int sim_eventfd_open(struct sim *sim, uint64_t value) {
  struct sim_file *file;
  int fd = sim_file_open(sim, SIM_EVENTFD, &file);
  if (fd >= 0) file->counter = value;
  return fd;
}

int sim_pipe_open(struct sim *sim, int32_t fds[2]) {
  struct sim_file *reader, *writer;
  fds[0] = sim_file_open(sim, SIM_PIPE_READ, &reader);
  if (fds[0] < 0) return fds[0];
  struct sim_pipe *pipe = sim_alloc(sim, sizeof *pipe);
  pipe->stream.window = PIPE_BYTES;
  pipe->reader = reader;
  reader->pipe = pipe;
  fds[1] = sim_file_open(sim, SIM_PIPE_WRITE, &writer);
  if (fds[1] < 0) {
    sim_file_close(sim, fds[0]);
    return fds[1];
  }
  pipe->writer = writer;
  writer->pipe = pipe;
  return 0;
}

void sim_special_close(struct sim *sim, struct sim_file *file) {
  struct sim_pipe *pipe = file->pipe;
  if (!pipe) return;
  if (pipe->reader == file) pipe->reader = NULL;
  if (pipe->writer == file) pipe->writer = NULL;
  if (pipe->reader) sim_wake(sim, pipe->reader, MR_POLLIN | SIM_POLLHUP);
  if (pipe->writer) sim_wake(sim, pipe->writer, MR_POLLOUT | SIM_POLLERR);
  if (pipe->reader || pipe->writer) return;
  sim_stream_clear(sim, &pipe->stream);
  sim_free(sim, pipe);
}

static int counter_read(struct sim *sim, struct sim_file *file, void *bytes, uint32_t length) {
  if (length < COUNTER_BYTES) return -EINVAL;
  if (!file->counter) return -EAGAIN;
  memcpy(bytes, &file->counter, COUNTER_BYTES);
  file->counter = 0;
  sim_wake(sim, file, MR_POLLOUT);
  return (int)COUNTER_BYTES;
}

int sim_read_special(struct sim *sim, struct sim_file *file, void *bytes, uint32_t length) {
  if (file->kind == SIM_EVENTFD) return counter_read(sim, file, bytes, length);
  if (file->kind != SIM_PIPE_READ) return -EBADF;
  struct sim_stream *stream = &file->pipe->stream;
  if (!stream->arrived) return file->pipe->writer && length ? -EAGAIN : 0;
  uint32_t n = sim_min(length, stream->arrived);
  if (n > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_READ)) n = 1 + (uint32_t)sim_below(sim, n);
  sim_stream_get(sim, stream, bytes, n);
  if (file->pipe->writer) sim_wake(sim, file->pipe->writer, MR_POLLOUT);
  return (int)n;
}

static int counter_write(struct sim *sim, struct sim_file *file, const void *bytes, uint32_t length) {
  uint64_t value;
  if (length < COUNTER_BYTES) return -EINVAL;
  memcpy(&value, bytes, COUNTER_BYTES);
  if (value > COUNTER_MAX) return -EINVAL;
  if (value > COUNTER_MAX - file->counter) return -EAGAIN;
  file->counter += value;
  sim_wake(sim, file, MR_POLLIN);
  return (int)COUNTER_BYTES;
}

int sim_write_special(struct sim *sim, struct sim_file *file, const void *bytes, uint32_t length) {
  if (file->kind == SIM_EVENTFD) return counter_write(sim, file, bytes, length);
  if (file->kind != SIM_PIPE_WRITE) return -EBADF;
  struct sim_stream *stream = &file->pipe->stream;
  if (!file->pipe->reader) return -EPIPE;
  uint32_t n = sim_min(length, sim_stream_room(stream));
  if (!n) return length ? -EAGAIN : 0;
  if (n > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_WRITE)) n = 1 + (uint32_t)sim_below(sim, n);
  sim_stream_put(sim, stream, bytes, n);
  stream->arrived += n;
  sim_wake(sim, file->pipe->reader, MR_POLLIN);
  return (int)n;
}
