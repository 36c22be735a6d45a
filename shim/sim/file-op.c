// Ops at files, and at what can be read and written like one.
#include "sim.h"
#include <string.h>

#define O_WRONLY 1u
#define O_RDWR 2u
#define O_ACCESS 3u
#define O_APPEND 02000u
#define AT_FDCWD (-100)
#define AT_EMPTY_PATH 0x1000u
#define SEEK_NS (30 * SIM_US)
#define SPIN_NS (300 * SIM_US)

/** A disk that does not block the loop takes its time. True: the op has to wait for it. */
static bool disk_turns(struct sim *sim, struct sim_op *op) {
  if (op->state & SIM_OP_SOUGHT || !(MR_CONTROL(sim->loop, uint32_t, FEATURES) & MR_FEATURE_ASYNC_FILES)) return false;
  op->state |= SIM_OP_SOUGHT;
  sim_delay(sim, op, SEEK_NS + (sim->seeded ? sim_below(sim, SPIN_NS) : 0));
  return true;
}

static int trouble(struct sim *sim) {
  if (sim_fault(sim, MR_SIM_FAULT_INTR)) return -EINTR;
  return sim_fault(sim, MR_SIM_FAULT_DISK_ERROR) ? -EIO : 0;
}

int sim_disk_read(struct sim *sim, struct sim_file *file, uint64_t offset, void *bytes, uint32_t length) {
  if ((file->open_flags & O_ACCESS) == O_WRONLY) return -EBADF;
  int error = trouble(sim);
  if (error) return error;
  if (length > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_READ)) length = 1 + (uint32_t)sim_below(sim, length);
  int n = sim_inode_read(file->inode, offset, bytes, length);
  if (n > 0) sim_digest(sim, bytes, (uint32_t)n);
  return n;
}

static int disk_write(struct sim *sim, struct sim_file *file, uint64_t offset, const void *bytes, uint32_t length) {
  if (!(file->open_flags & (O_WRONLY | O_RDWR))) return -EBADF;
  int error = trouble(sim);
  if (error) return error;
  if (length > 1 && sim_fault(sim, MR_SIM_FAULT_SHORT_WRITE)) length = 1 + (uint32_t)sim_below(sim, length);
  int n = sim_inode_write(sim, file->inode, offset, bytes, length);
  if (n > 0 && sim_fault(sim, MR_SIM_FAULT_TORN_WRITE)) sim_inode_tear(sim, file->inode, offset, (uint32_t)n);
  return n;
}

/** Offset -1 is the file's own position, which moves. */
static int disk_transfer(struct sim *sim, struct sim_op *op) {
  struct sim_file *file = op->file;
  bool moves = op->off == UINT64_MAX;
  if (disk_turns(sim, op)) return SIM_WAIT;
  if (!moves && op->off > INT64_MAX) return -EINVAL;
  uint64_t offset = moves ? file->position : op->off;
  if (op->opcode == MR_OP_WRITE && file->open_flags & O_APPEND) offset = file->inode->cached.length;
  int n = op->opcode == MR_OP_READ ? sim_disk_read(sim, file, offset, mr_pointer(op->addr), op->len)
                                   : disk_write(sim, file, offset, mr_pointer(op->addr), op->len);
  if (n > 0 && moves) file->position = offset + (uint32_t)n;
  return n;
}

int sim_try_read(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  if (op->file->kind == SIM_DISK) return disk_transfer(sim, op);
  if (op->file->kind == SIM_SOCKET) return sim_try_recv(sim, op, flags);
  int n = sim_read_special(sim, op->file, mr_pointer(op->addr), op->len);
  if (n > 0) sim_digest(sim, mr_pointer(op->addr), (uint32_t)n);
  return n == -EAGAIN ? SIM_WAIT : n;
}

int sim_try_write(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  if (op->file->kind == SIM_DISK) return disk_transfer(sim, op);
  int n = op->file->kind == SIM_SOCKET ? sim_socket_send(sim, op->file, mr_pointer(op->addr), op->len)
                                       : sim_write_special(sim, op->file, mr_pointer(op->addr), op->len);
  return n == -EAGAIN ? SIM_WAIT : n;
}

int sim_try_fsync(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  if (op->file->kind != SIM_DISK) return -EINVAL;
  if (disk_turns(sim, op)) return SIM_WAIT;
  int error = trouble(sim);
  if (!error) sim_inode_sync(sim, op->file->inode);
  return error;
}

/** The folder a path is relative to: there is but one. */
static int check_folder(const struct sim *sim, const struct sim_op *op) {
  const char *path = mr_pointer(op->addr);
  if (*path == '/' || op->fd == AT_FDCWD) return 0;
  return sim_file_at(sim, op->fd) ? -ENOTDIR : -EBADF;
}

int sim_try_openat(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  struct sim_file *made;
  if (disk_turns(sim, op)) return SIM_WAIT;
  int error = check_folder(sim, op);
  if (!error) error = trouble(sim);
  return error ? error : sim_open_path(sim, mr_pointer(op->addr), op->op_flags, &made);
}

int sim_try_statx(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  if (disk_turns(sim, op)) return SIM_WAIT;
  const char *path = mr_pointer(op->addr);
  const struct sim_inode *inode = NULL;
  if (!*path && op->op_flags & AT_EMPTY_PATH) {
    const struct sim_file *file = sim_file_at(sim, op->fd);
    if (!file) return -EBADF;
    inode = file->inode;
  } else {
    int error = check_folder(sim, op);
    if (error) return error;
    inode = sim_inode_find(sim, path, (uint32_t)strlen(path));
  }
  if (!inode) return -ENOENT;
  int error = trouble(sim);
  if (!error) sim_stat(inode, mr_pointer(op->off));
  return error;
}

int sim_try_close(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)flags;
  return sim_file_close(sim, op->fd);
}
