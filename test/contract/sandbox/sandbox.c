// Under filters as containers have them, which forbid io_uring or a part of it and know no epoll_pwait2: what is said,
// and what still holds. Exit 77: no filter can be set here. With arguments it runs a program where io_uring_setup fails
// with a number instead: `sandbox ERRNO PROGRAM …`.
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define MEMORY_BYTES (16 * PAGE)

static int forbid(int call, int error) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static int failures;

static void expect(const char *what, int64_t got, int64_t wanted) {
  if (got == wanted) return;
  fprintf(stderr, "%s: %lld instead of %lld\n", what, (long long)got, (long long)wanted);
  failures++;
}

static int set_up(uint8_t *memory, int kernel) {
  const uint32_t fields[][2] = {
      {MR_CONTROL_ABI, MR_ABI_VERSION},
      {MR_CONTROL_RINGS, PAGE},
      {MR_CONTROL_RINGS_BYTES, PAGE},
      {MR_CONTROL_SQES, 2 * PAGE},
      {MR_CONTROL_SQ_ENTRIES, 8},
      {MR_CONTROL_CQ_ENTRIES, 16},
      {MR_CONTROL_BUFFER_RING, 3 * PAGE},
      {MR_CONTROL_BUFFER_ENTRIES, 0},
      {MR_CONTROL_CALLS, 4 * PAGE},
      {MR_CONTROL_CALL_ENTRIES, 4},
      {MR_CONTROL_MEMORY_BYTES, MEMORY_BYTES},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) memcpy(memory + fields[i][0], &fields[i][1], 4);
  return mr_setup(memory, 0, kernel);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int set_up_once(int kernel) {
  uint8_t *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int loop = set_up(memory, kernel);
  if (loop >= 0) expect("close", mr_close(loop), 0);
  munmap(memory, MEMORY_BYTES);
  return loop >= 0 ? 0 : loop;
}

static int open_files(void) {
  int n = 0;
  for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/** In a process of its own, because a filter stays: `call` fails with `error`, and so both rungs of io_uring do. */
static void forbidden(const char *what, int call, int error, int answer) {
  pid_t child = fork();
  if (child == 0) {
    failures = 0;
    int files = open_files(), r = forbid(call, error);
    expect("filter", r, 0);
    expect(what, set_up_once(MR_KERNEL_URING), answer);
    expect(what, set_up_once(MR_KERNEL_URING_MAPPED), answer);
    expect("epoll, after both were refused", set_up_once(MR_KERNEL_EPOLL), 0);
    expect("descriptors left open", open_files(), files);
    _exit(failures > 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  expect(what, status, 0);
}

/** Rings that are larger than what may be locked; root may lock anything, so that this process is no longer root. */
static void locked(void) {
  pid_t child = fork();
  if (child == 0) {
    failures = 0;
    struct rlimit none = {0, 0};
    int r = setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (getuid() == 0 && setuid(65534) < 0) ? -errno : 0;
    expect("limit", r, 0);
    expect("uring without locked memory", mr_probe("kernel.2"), -ENOMEM);
    expect("uring-mapped without locked memory", mr_probe("kernel.3"), -ENOMEM);
    _exit(failures > 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  expect("a limit of locked memory", status, 0);
}

static void forbid_parts(void) {
  if (set_up_once(MR_KERNEL_URING_MAPPED) < 0) return; // no io_uring here, with or without a filter
  forbidden("io_uring_setup forbidden", SYS_io_uring_setup, EPERM, -EPERM);
  forbidden("io_uring_setup unknown", SYS_io_uring_setup, ENOSYS, -ENOSYS);
  forbidden("io_uring_register forbidden", SYS_io_uring_register, EPERM, -EPERM);
  forbidden("io_uring_enter forbidden", SYS_io_uring_enter, EPERM, -EPERM);
  locked();
}

/** Only returns where it fails. */
static int run_without_uring(int error, char **program) {
  int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : forbid(SYS_io_uring_setup, error);
  if (r < 0) {
    printf("%s\n", strerror(-r));
    return 77;
  }
  execvp(program[0], program);
  perror(program[0]);
  return 1;
}

int main(int count, char **arguments) {
  if (count > 2) return run_without_uring(atoi(arguments[1]), arguments + 2);
  expect("io_uring outside", mr_probe("io_uring") <= 0, 1);
  int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
  if (r == 0) forbid_parts();
  if (r == 0) r = forbid(SYS_epoll_pwait2, ENOSYS);
  if (r == 0) r = forbid(SYS_io_uring_setup, EPERM);
  if (r < 0) {
    printf("%s\n", strerror(-r));
    return 77;
  }
  expect("io_uring", mr_probe("io_uring"), -EPERM);
  expect("io_uring.memory", mr_probe("io_uring.memory"), -EPERM);
  expect("epoll.pwait2", mr_probe("epoll.pwait2"), -ENOSYS);
  expect("libuv", mr_probe("libuv"), -ENOSYS);

  uint8_t *memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int loop = set_up(memory, MR_KERNEL_EPOLL);
  expect("setup", loop, 0);
  for (int64_t ns = 1; ns < 20000000; ns = ns * 3 + 7) {
    int64_t start = now_ns();
    expect("enter", mr_enter(loop, 0, 0, 1, ns), -ETIME);
    expect("early", now_ns() - start < ns, 0);
  }
  expect("attach", mr_attach(loop, NULL), -ENOSYS); // no libuv in this host
  expect("close", mr_close(loop), 0);
  munmap(memory, MEMORY_BYTES);
  return failures > 0;
}
