// The exported functions that are not about peers: chance, time, descriptors, the disk, and what happened.
#include "sim.h"
#include <string.h>

int mr_sim_seed(int loop, uint32_t low, uint32_t high) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (sim->stats[MR_SIM_STAT_TURNS]) return -EBUSY;
  sim->random = (uint64_t)high << 32 | low;
  sim->seeded = true;
  return 0;
}

int mr_sim_fault(int loop, int fault, uint32_t per_million) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (fault < 0 || fault >= MR_SIM_FAULTS || per_million > 1000000u) return -EINVAL;
  sim->per_million[fault] = per_million;
  return 0;
}

int mr_sim_script(int loop, int fault, uint32_t nth) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (fault < 0 || fault >= MR_SIM_FAULTS || nth == 0) return -EINVAL;
  if (sim->script_count == SIM_SCRIPTS) return -ENOMEM;
  sim->scripts[sim->script_count].fault = fault;
  sim->scripts[sim->script_count++].left = nth;
  return 0;
}

int mr_sim_features(int loop, uint32_t bits) {
  struct sim *sim = sim_of(loop);
  return sim ? (int)sim_features(sim, bits) : -EBADF;
}

int mr_sim_advance(int loop, uint32_t us) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  sim_pass(sim, sim->now + us * SIM_US);
  return 0;
}

// Descriptors

int mr_sim_limit(int loop, int descriptors) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (descriptors < 0) return -EINVAL;
  int former = (int)sim->file_limit;
  sim->file_limit = (uint32_t)descriptors;
  return former;
}

static uint8_t *bytes_at(const struct sim *sim, uint32_t at, uint32_t length) {
  const struct mr_loop *loop = sim->loop;
  return length <= INT32_MAX && at <= loop->bytes && length <= loop->bytes - at ? loop->base + at : NULL;
}

int mr_sim_eventfd(int loop, uint32_t value) {
  struct sim *sim = sim_of(loop);
  return sim ? sim_eventfd_open(sim, value) : -EBADF;
}

int mr_sim_pipe(int loop, uint32_t at) {
  struct sim *sim = sim_of(loop);
  int32_t fds[2];
  if (!sim) return -EBADF;
  uint8_t *out = bytes_at(sim, at, sizeof fds);
  if (!out) return -EFAULT;
  int error = sim_pipe_open(sim, fds);
  if (!error) memcpy(out, fds, sizeof fds);
  return error;
}

int mr_sim_read(int loop, int fd, uint32_t at, uint32_t length) {
  struct sim *sim = sim_of(loop);
  struct sim_file *file = sim ? sim_file_at(sim, fd) : NULL;
  if (!file) return -EBADF;
  uint8_t *bytes = bytes_at(sim, at, length);
  return bytes ? sim_read_special(sim, file, bytes, length) : -EFAULT;
}

int mr_sim_write(int loop, int fd, uint32_t at, uint32_t length) {
  struct sim *sim = sim_of(loop);
  struct sim_file *file = sim ? sim_file_at(sim, fd) : NULL;
  if (!file) return -EBADF;
  const uint8_t *bytes = bytes_at(sim, at, length);
  return bytes ? sim_write_special(sim, file, bytes, length) : -EFAULT;
}

int mr_sim_linger(int loop, int fd) {
  struct sim *sim = sim_of(loop);
  struct sim_file *file = sim ? sim_file_at(sim, fd) : NULL;
  if (!file) return -EBADF;
  if (file->kind != SIM_SOCKET) return -ENOTSOCK;
  file->options.linger_reset = true;
  return 0;
}

// The disk

int mr_sim_file(int loop, uint32_t path, uint32_t path_length, uint32_t at, uint32_t length) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  const uint8_t *name = bytes_at(sim, path, path_length), *bytes = bytes_at(sim, at, length);
  if (!name || !bytes) return -EFAULT;
  if (!path_length || length > SIM_FILE_BYTES_MAX) return -EINVAL;
  struct sim_inode *former = sim_inode_find(sim, name, path_length);
  if (former) sim_inode_remove(sim, former);
  struct sim_inode *inode = sim_inode_make(sim, name, path_length);
  sim_inode_write(sim, inode, 0, bytes, length);
  sim_inode_sync(sim, inode);
  return 0;
}

int mr_sim_read_file(int loop, uint32_t path, uint32_t path_length, uint32_t at, uint32_t capacity, int durable) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  const uint8_t *name = bytes_at(sim, path, path_length);
  uint8_t *bytes = bytes_at(sim, at, capacity);
  if (!name || !bytes) return -EFAULT;
  struct sim_inode *inode = sim_inode_find(sim, name, path_length);
  if (!inode || (durable && !inode->exists_durably)) return -ENOENT;
  return sim_image_read(inode, durable != 0, bytes, capacity);
}

int mr_sim_crash(int loop) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  sim_disk_crash(sim);
  return 0;
}

// What happened

int mr_sim_digest(int loop, uint32_t at) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  uint8_t *out = bytes_at(sim, at, sizeof sim->digest);
  if (!out) return -EFAULT;
  memcpy(out, &sim->digest, sizeof sim->digest);
  return 0;
}

/** Bytes sent and not received, of connections of which somebody could still receive them. */
static uint64_t bytes_in_flight(const struct sim *sim) {
  uint64_t bytes = 0;
  for (const struct sim_conn *conn = sim->conns; conn; conn = conn->next)
    for (uint32_t i = 0; i < 2; i++)
      if (!conn->ends[i].gone) bytes += conn->ends[i].in.queued;
  return bytes;
}

static uint64_t stat_of(const struct sim *sim, int which) {
  switch (which) {
  case MR_SIM_STAT_OPS:
    return sim->waiting;
  case MR_SIM_STAT_BYTES:
    return bytes_in_flight(sim);
  case MR_SIM_STAT_HEAP_BYTES:
    return sim->heap.live;
  default:
    return sim->stats[which];
  }
}

int mr_sim_stat(int loop, int which) {
  const struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  return which >= 0 && which < MR_SIM_STATS ? (int)sim_min(stat_of(sim, which), INT32_MAX) : -EINVAL;
}
