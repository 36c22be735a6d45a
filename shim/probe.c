// Facts about the machine for `features()` and `millrace doctor`: asked of the kernel, never guessed from its version.
#include "shim.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#endif
#define URING_NO_MMAP (1u << 14)
#define URING_NO_SQARRAY (1u << 16)
#define URING_SINGLE_ISSUER (1u << 12)
#define URING_DEFER_TASKRUN (1u << 13)
#define URING_PARAMS_BYTES 120
#define URING_PARAMS_FLAGS 8
#define URING_PARAMS_SQ_ADDR 72 // sq_off.user_addr
#define URING_PARAMS_CQ_ADDR 112

static int close_or_error(long fd) {
  if (fd < 0) return -errno;
  close((int)fd);
  return 0;
}

/** Whether a ring can be had at all: -EPERM is a sandbox or a sysctl, -ENOSYS an old or foreign kernel. */
static int probe_uring(void) {
  uint8_t params[URING_PARAMS_BYTES] = {0};
  return close_or_error(syscall(__NR_io_uring_setup, 4, params));
}

/** Whether rings can lie in memory of ours, completed only when we ask: what the io_uring kernel wants. */
static int probe_uring_in_memory(void) {
  uint8_t params[URING_PARAMS_BYTES] = {0};
  const size_t bytes = 1 << 16;
  uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  uint32_t flags = URING_NO_MMAP | URING_NO_SQARRAY | URING_SINGLE_ISSUER | URING_DEFER_TASKRUN;
  uint64_t rings = (uintptr_t)memory, sqes = rings + bytes / 2;
  memcpy(params + URING_PARAMS_FLAGS, &flags, sizeof flags);
  memcpy(params + URING_PARAMS_SQ_ADDR, &sqes, sizeof sqes);
  memcpy(params + URING_PARAMS_CQ_ADDR, &rings, sizeof rings);
  int r = close_or_error(syscall(__NR_io_uring_setup, 4, params));
  munmap(memory, bytes);
  return r;
}

static int probe_epoll(void) { return close_or_error(epoll_create1(EPOLL_CLOEXEC)); }

static int probe_epoll_pwait2(void) {
#ifdef SYS_epoll_pwait2
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return -errno;
  struct epoll_event event;
  struct timespec none = {0, 0};
  int r = syscall(SYS_epoll_pwait2, fd, &event, 1, &none, NULL, 0) < 0 ? -errno : 0;
  close(fd);
  return r;
#else
  return -ENOSYS;
#endif
}

static int probe_option(int option) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) return -errno;
  int r = setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) < 0 ? -errno : 0;
  close(fd);
  return r;
}

static int probe_reuseport(void) { return probe_option(SO_REUSEPORT); }
static int probe_zerocopy(void) { return probe_option(SO_ZEROCOPY); }
static int probe_ipv6(void) { return close_or_error(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

#define LOOP_SQ_ENTRIES 4096u // as large as a loop of src/loop
#define LOOP_CQ_ENTRIES 8192u
#define LOOP_BUFFERS 64u
#define PAGE 4096u

/** Where the parts of an empty loop lie: control, rings, SQEs, buffer ring, calls. */
static uint64_t lay_out(uint8_t *control) {
  const uint32_t rings = PAGE, rings_bytes = MR_RINGS_BYTES_FIXED + LOOP_CQ_ENTRIES * MR_CQE_BYTES;
  const uint32_t sqes = rings + (rings_bytes + PAGE - 1) / PAGE * PAGE;
  const uint32_t buffers = sqes + LOOP_SQ_ENTRIES * MR_SQE_BYTES, calls = buffers + PAGE, end = calls + PAGE;
  const uint32_t fields[][2] = {
      {MR_CONTROL_ABI, MR_ABI_VERSION},
      {MR_CONTROL_RINGS, rings},
      {MR_CONTROL_RINGS_BYTES, rings_bytes},
      {MR_CONTROL_SQES, sqes},
      {MR_CONTROL_SQ_ENTRIES, LOOP_SQ_ENTRIES},
      {MR_CONTROL_CQ_ENTRIES, LOOP_CQ_ENTRIES},
      {MR_CONTROL_BUFFER_RING, buffers},
      {MR_CONTROL_BUFFER_ENTRIES, LOOP_BUFFERS},
      {MR_CONTROL_CALLS, calls},
      {MR_CONTROL_CALL_ENTRIES, 1},
      {MR_CONTROL_BUFFER_MODE, MR_BUFFERS_INCREMENTAL},
      {MR_CONTROL_MEMORY_BYTES, end},
  };
  for (size_t i = 0; control && i < sizeof fields / sizeof *fields; i++)
    memcpy(control + fields[i][0], &fields[i][1], sizeof(uint32_t));
  return end;
}

/** Sets up a whole loop of this kernel, and closes it → its FEATURE_*, and its buffer mode from bit 16 on. */
static int probe_kernel(int kernel) {
  const size_t bytes = lay_out(NULL);
  uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  lay_out(memory);
  int r = mr_setup(memory, 0, kernel);
  if (r >= 0) {
    uint32_t features, mode;
    memcpy(&features, memory + MR_CONTROL_FEATURES, sizeof features);
    memcpy(&mode, memory + MR_CONTROL_BUFFER_MODE, sizeof mode);
    if (mr_close(r) == -EBUSY) return -EBUSY; // the memory must be kept
    r = (int)(features | mode << 16);
  }
  munmap(memory, bytes);
  return r;
}

static int clamp(rlim_t n) { return n > INT_MAX ? INT_MAX : (int)n; }

static int limit_of(int resource, bool hard) {
  struct rlimit limit;
  if (getrlimit((__rlimit_resource_t)resource, &limit) < 0) return -errno;
  return clamp(hard ? limit.rlim_max : limit.rlim_cur);
}

static int probe_nofile(void) { return limit_of(RLIMIT_NOFILE, false); }
static int probe_nofile_hard(void) { return limit_of(RLIMIT_NOFILE, true); }

static int probe_memlock_kib(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return -errno;
  return clamp(limit.rlim_cur == RLIM_INFINITY ? RLIM_INFINITY : limit.rlim_cur / 1024);
}

static int number_in(const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) return -errno;
  char text[32];
  int n = fgets(text, sizeof text, file) ? atoi(text) : -ENODATA;
  fclose(file);
  return n;
}

static int probe_somaxconn(void) { return number_in("/proc/sys/net/core/somaxconn"); }
static int probe_uring_disabled(void) { return number_in("/proc/sys/kernel/io_uring_disabled"); }

static const struct {
  const char *name;
  int (*probe)(void);
} features[] = {
    {"io_uring", probe_uring},
    {"io_uring.memory", probe_uring_in_memory},
    {"io_uring.disabled", probe_uring_disabled},
    {"epoll", probe_epoll},
    {"epoll.pwait2", probe_epoll_pwait2},
    {"reuseport", probe_reuseport},
    {"zerocopy", probe_zerocopy},
    {"ipv6", probe_ipv6},
    {"libuv", mr_wait_probe},
    {"nofile", probe_nofile},
    {"nofile.hard", probe_nofile_hard},
    {"memlock.kib", probe_memlock_kib},
    {"somaxconn", probe_somaxconn},
};

int mr_probe(const char *feature) {
  for (size_t i = 0; feature && i < sizeof features / sizeof *features; i++)
    if (strcmp(features[i].name, feature) == 0) return features[i].probe();
  if (feature && strncmp(feature, "kernel.", 7) == 0) return probe_kernel(atoi(feature + 7));
  return -EINVAL;
}
