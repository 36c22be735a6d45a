// Immediate calls on files, and from files to sockets. None of them waits for a socket, and those that would wait for a
// disk are asked first whether they would (RESIDENT), or not to (PREAD).
#include "call.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SIGNAL_LOOK_NS 100000000u // how long SIGPIPE's disposition is believed
#define PROBE_BYTES (128 * 1024)  // one page in so many is looked at
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

/** Whether SIGPIPE is ignored, as Node does: asked now and then, since asking costs a system call. */
static bool pipes_ignored(void) {
  static _Thread_local uint64_t looked;
  static _Thread_local bool ignored;
  uint64_t now = mr_now_ns();
  if (!looked || now - looked > SIGNAL_LOOK_NS) {
    struct sigaction action;
    ignored = sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
    looked = now;
  }
  return ignored;
}

/** A call that raises SIGPIPE and has no flag against it: the signal is taken back where it would be fatal. */
struct quiet {
  sigset_t former;
  bool blocked, was_pending;
};

static void quiet_begin(struct quiet *quiet) {
  sigset_t pipes, pending;
  quiet->blocked = !pipes_ignored();
  if (!quiet->blocked) return;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  sigpending(&pending);
  quiet->was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, &quiet->former);
}

/** → r, or -errno. */
static int quiet_end(const struct quiet *quiet, ssize_t r) {
  int result = mr_result_of(r);
  if (!quiet->blocked) return result;
  if (result == -EPIPE && !quiet->was_pending) {
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    sigtimedwait(&pipes, NULL, &(struct timespec){0, 0});
  }
  pthread_sigmask(SIG_SETMASK, &quiet->former, NULL);
  return result;
}

int mr_call_open(struct mr_loop *loop, const struct mr_call_record *call) {
  if (call->a >= loop->bytes) return -EFAULT;
  const char *path = (const char *)loop->base + call->a;
  uint64_t left = loop->bytes - call->a;
  size_t limit = left < PATH_MAX ? (size_t)left : PATH_MAX;
  if (!memchr(path, 0, limit)) return limit < PATH_MAX ? -EFAULT : -ENAMETOOLONG;
  int fd;
  do fd = openat(call->fd, path, (int)call->b | O_CLOEXEC, (mode_t)call->c);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  loop->kernel->opened(loop, fd);
  return fd;
}

int mr_call_reopen(struct mr_loop *loop, const struct mr_call_record *call) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", call->fd);
  int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0) return -errno;
  loop->kernel->opened(loop, fd);
  return fd;
}

int mr_call_fstat(struct mr_loop *loop, const struct mr_call_record *call) {
  void *about = mr_operand(loop, call->a, MR_STATX_BYTES);
  if (!about) return -EFAULT;
  return mr_result_of(
      statx(call->fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, MR_STATX_BASIC_STATS | MR_STATX_DIOALIGN, about));
}

int mr_call_pread(struct mr_loop *loop, const struct mr_call_record *call) {
  struct iovec part = {mr_operand(loop, call->a, call->b), call->b};
  if (!part.iov_base) return -EFAULT;
  bool waits = (call->op & MR_CALL_OP_MASK) == MR_CALL_PREAD_WAIT;
  ssize_t n;
  do n = preadv2(call->fd, &part, 1, call->c, waits ? 0 : RWF_NOWAIT);
  while (n < 0 && errno == EINTR);
  // a file system that cannot say whether it would wait mostly does not: it lies in memory
  if (n < 0 && errno == EOPNOTSUPP && !waits) n = preadv2(call->fd, &part, 1, call->c, 0);
  return mr_result_of(n);
}

enum probe { PROBE_COLD, PROBE_WARM, PROBE_UNKNOWN };

/** Looks at one page. An attempt at a cold one also makes the kernel fetch it. */
static enum probe probe(int fd, int64_t place) {
  char byte;
  struct iovec part = {&byte, 1};
  if (preadv2(fd, &part, 1, place, RWF_NOWAIT) >= 0)
    return PROBE_WARM; // 0: beyond the end there is nothing to wait for
  return errno == EAGAIN || errno == EINTR ? PROBE_COLD : PROBE_UNKNOWN;
}

/** Whether pages are missing of which no probe has told; unknown before Linux 6.5, and never of files in memory. */
static bool has_gaps(int fd, int64_t place, uint64_t bytes) {
  struct {
    uint64_t place, bytes;
  } range = {(uint64_t)place, bytes};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } pages;
  if (syscall(__NR_cachestat, fd, &range, &pages, 0) < 0) return false;
  struct stat about; // behind the end there is nothing to be missed
  if (fstat(fd, &about) < 0 || about.st_size <= place) return false;
  if (bytes > (uint64_t)(about.st_size - place)) bytes = (uint64_t)(about.st_size - place);
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), first = (uint64_t)place / page;
  uint64_t spanned = ((uint64_t)place + bytes - 1) / page - first + 1;
  if (pages.cached >= spanned) return false;
  struct statfs system; // a hole of such a file has no page, and needs none
  return fstatfs(fd, &system) < 0 || (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC);
}

static bool lies_in_memory(int fd, int64_t place, uint64_t bytes) {
  if (!bytes) return true;
  int64_t last = place + (int64_t)bytes - 1;
  for (int64_t at = place;; at += PROBE_BYTES) {
    if (at > last) at = last;
    enum probe found = probe(fd, at);
    if (found != PROBE_WARM) return found == PROBE_UNKNOWN; // such a file can only be tried
    if (at == last) break;
  }
  return !has_gaps(fd, place, bytes);
}

int mr_call_resident(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  if (call->c < 0 || call->b < call->a || call->b > INT_MAX) return -EINVAL;
  if (fcntl(call->fd, F_GETFD) < 0) return -errno;
  if (lies_in_memory(call->fd, call->c, call->b)) return (int)call->b;
  posix_fadvise(call->fd, call->c, call->b, POSIX_FADV_WILLNEED); // begins to read, and does not wait
  return call->a < call->b && lies_in_memory(call->fd, call->c, call->a) ? (int)call->a : 0;
}

int mr_call_sendfile(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  off_t place = call->c;
  struct quiet quiet;
  quiet_begin(&quiet);
  ssize_t n;
  do n = sendfile(call->fd, (int)call->a, &place, call->b);
  while (n < 0 && errno == EINTR);
  return quiet_end(&quiet, n);
}

/** The kernel, not we, reads the mapping: where the file does not reach so far it says EFAULT, and no SIGBUS is raised.
 */
static int send_mapping(const struct mr_call_record *call, uint32_t count) {
  int64_t page = sysconf(_SC_PAGESIZE);
  size_t before = (size_t)(call->c % page), bytes = before + count;
  uint8_t *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, (int)call->a, (off_t)(call->c - (off_t)before));
  if (map == MAP_FAILED) return -errno;
  int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (call->op & MR_CALL_MORE ? MSG_MORE : 0);
  ssize_t n;
  do n = send(call->fd, map + before, count, flags);
  while (n < 0 && errno == EINTR);
  int result = mr_result_of(n);
  munmap(map, bytes);
  return result;
}

/**
 * The page that a file ends in is zero behind the end, in a mapping. So only a look at the size afterwards tells
 * whether what was sent is all of the file; where it is not, the answer is that the file has ended, whatever the peer
 * got.
 */
int mr_call_mmap_send(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  if (call->c < 0) return -EINVAL;
  struct stat about;
  uint32_t count = call->b;
  for (int result = 0; count;) {
    result = send_mapping(call, count);
    if (result < 0 && result != -EFAULT) return result;
    if (fstat((int)call->a, &about) < 0) return -errno;
    int64_t rest = about.st_size - call->c;
    if (rest <= 0) return 0;
    if (result >= 0) return result <= rest ? result : 0;
    if (rest >= count) return -EIO; // it is there, and the disk would not give it
    count = (uint32_t)rest;
  }
  return 0;
}

int mr_call_splice(struct mr_loop *loop, const struct mr_call_record *call) {
  (void)loop;
  unsigned flags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE | (call->op & MR_CALL_MORE ? SPLICE_F_MORE : 0);
  off_t place = call->c;
  struct quiet quiet;
  quiet_begin(&quiet);
  ssize_t n;
  do n = splice((int)call->a, call->c < 0 ? NULL : &place, call->fd, NULL, call->b, flags);
  while (n < 0 && errno == EINTR);
  return quiet_end(&quiet, n);
}

int mr_call_pipe(struct mr_loop *loop, const struct mr_call_record *call) {
  int *ends = call->a % sizeof(int) ? NULL : mr_operand(loop, call->a, 2 * sizeof(int));
  if (!ends) return -EFAULT;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
  fcntl(ends[1], F_SETPIPE_SZ, (int)call->b); // who has too many large pipes keeps a small one
  loop->kernel->opened(loop, ends[0]);
  loop->kernel->opened(loop, ends[1]);
  return fcntl(ends[1], F_GETPIPE_SZ);
}
