// The disk: files by path, each as the system sees it and as it would be after a crash.
#include "sim.h"
#include <string.h>

#define O_ACCESS 3u
#define O_CREAT 0100u
#define O_EXCL 0200u
#define O_TRUNC 01000u
#define O_DIRECTORY 0200000u
#define BLOCK_BYTES 4096u
#define SECTOR_BYTES 512u
#define MODE_FILE 0100644u
#define STAT_BASIC 0x7ffu // STATX_BASIC_STATS

static struct sim_image *image_of(struct sim_inode *inode, bool durable) {
  return durable ? &inode->durable : &inode->cached;
}

static void image_resize(struct sim *sim, struct sim_image *image, uint64_t bytes) {
  image->bytes = sim_grow(sim, image->bytes, bytes);
  if (bytes > image->length) memset(image->bytes + image->length, 0, (size_t)(bytes - image->length));
  image->length = bytes;
}

static void image_put(struct sim *sim, struct sim_image *image, uint64_t offset, const void *bytes, uint64_t length) {
  if (!length) return;
  if (offset + length > image->length) image_resize(sim, image, offset + length);
  memcpy(image->bytes + offset, bytes, (size_t)length);
}

static void image_copy(struct sim *sim, struct sim_image *to, const struct sim_image *from) {
  to->length = 0;
  image_put(sim, to, 0, from->bytes, from->length);
}

struct sim_inode *sim_inode_find(struct sim *sim, const void *path, uint32_t length) {
  struct sim_inode *inode = sim->inodes;
  while (inode && (inode->removed || inode->path_bytes != length || memcmp(inode->path, path, length)))
    inode = inode->next;
  return inode;
}

struct sim_inode *sim_inode_make(struct sim *sim, const void *path, uint32_t length) {
  struct sim_inode *inode = sim_alloc(sim, sizeof *inode), **at = &sim->inodes;
  inode->path = sim_alloc(sim, length);
  memcpy(inode->path, path, length);
  inode->path_bytes = length;
  inode->number = ++sim->inode_next;
  inode->changed_ns = sim->now;
  while (*at) at = &(*at)->next;
  return *at = inode;
}

static void inode_free(struct sim *sim, struct sim_inode *inode) {
  struct sim_inode **at = &sim->inodes;
  while (*at != inode) at = &(*at)->next;
  *at = inode->next;
  sim_free(sim, inode->path);
  sim_free(sim, inode->cached.bytes);
  sim_free(sim, inode->durable.bytes);
  sim_free(sim, inode);
}

void sim_inode_release(struct sim *sim, struct sim_inode *inode) {
  if (--inode->opened == 0 && inode->removed) inode_free(sim, inode);
}

void sim_inode_remove(struct sim *sim, struct sim_inode *inode) {
  inode->removed = true;
  if (!inode->opened) inode_free(sim, inode);
}

int sim_inode_read(const struct sim_inode *inode, uint64_t offset, void *bytes, uint32_t length) {
  const struct sim_image *image = &inode->cached;
  if (offset >= image->length || !length) return 0;
  uint32_t n = sim_min(length, image->length - offset);
  memcpy(bytes, image->bytes + offset, n);
  return (int)n;
}

int sim_inode_write(struct sim *sim, struct sim_inode *inode, uint64_t offset, const void *bytes, uint32_t length) {
  if (offset > SIM_FILE_BYTES_MAX || length > SIM_FILE_BYTES_MAX - offset) return -EFBIG;
  image_put(sim, &inode->cached, offset, bytes, length);
  inode->changed_ns = sim->now;
  return (int)length;
}

void sim_inode_sync(struct sim *sim, struct sim_inode *inode) {
  image_copy(sim, &inode->durable, &inode->cached);
  inode->exists_durably = true;
}

void sim_inode_tear(struct sim *sim, struct sim_inode *inode, uint64_t offset, uint32_t length) {
  // Disks write whole sectors, so that a write is torn at the end of one, counted from the start of the file.
  uint64_t end = (offset + sim_below(sim, length)) / SECTOR_BYTES * SECTOR_BYTES;
  if (end <= offset) return;
  image_put(sim, &inode->durable, offset, inode->cached.bytes + offset, end - offset);
  inode->exists_durably = true;
}

/** What was never synced has never been. An inode that is still open stays, empty and without a name. */
void sim_disk_crash(struct sim *sim) {
  for (struct sim_inode *inode = sim->inodes, *next; inode; inode = next) {
    next = inode->next;
    image_copy(sim, &inode->cached, &inode->durable);
    if (!inode->exists_durably && !inode->removed) sim_inode_remove(sim, inode);
  }
}

void sim_disk_free(struct sim *sim) {
  while (sim->inodes) inode_free(sim, sim->inodes);
}

int sim_image_read(struct sim_inode *inode, bool durable, void *bytes, uint32_t capacity) {
  const struct sim_image *image = image_of(inode, durable);
  uint32_t n = sim_min(capacity, image->length);
  if (n) memcpy(bytes, image->bytes, n);
  return (int)sim_min(image->length, INT32_MAX);
}

/** A path through a file leads nowhere. */
static bool leads_through_file(struct sim *sim, const char *path, uint32_t length) {
  for (uint32_t i = 1; i < length; i++)
    if (path[i] == '/' && sim_inode_find(sim, path, i)) return true;
  return false;
}

int sim_open_path(struct sim *sim, const char *path, uint32_t flags, struct sim_file **made) {
  uint32_t length = (uint32_t)strlen(path);
  if (!length) return -ENOENT;
  struct sim_inode *inode = sim_inode_find(sim, path, length);
  if (!inode && leads_through_file(sim, path, length)) return -ENOTDIR;
  if (!inode && !(flags & O_CREAT)) return -ENOENT;
  if (inode && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return -EEXIST;
  if (inode && flags & O_DIRECTORY) return -ENOTDIR;
  int fd = sim_file_open(sim, SIM_DISK, made);
  if (fd < 0) return fd;
  if (!inode) inode = sim_inode_make(sim, path, length);
  if (flags & O_TRUNC && flags & O_ACCESS) inode->cached.length = 0;
  inode->opened++;
  (*made)->inode = inode;
  (*made)->open_flags = flags;
  return fd;
}

void sim_stat(const struct sim_inode *inode, uint8_t *out) {
  const uint64_t seconds = inode->changed_ns / 1000000000u;
  const uint64_t wide[][2] = {
      {32, inode->number}, {40, inode->cached.length}, {48, (inode->cached.length + SECTOR_BYTES - 1) / SECTOR_BYTES},
      {64, seconds},   // accessed
      {80, seconds},   // born
      {96, seconds},   // changed
      {112, seconds}}; // modified
  const uint32_t narrow[][2] = {{0, STAT_BASIC}, {4, BLOCK_BYTES}, {16, inode->removed ? 0 : 1}, {28, MODE_FILE}};
  memset(out, 0, SIM_STATX_BYTES);
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) memcpy(out + wide[i][0], &wide[i][1], sizeof(uint64_t));
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
    memcpy(out + narrow[i][0], &narrow[i][1], sizeof(uint32_t));
}
