// The two rings of twins.h: the kernel's own through raw system calls, and the shim through its exports.
#include <netinet/in.h>

#include "twins.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define MEMORY_BYTES (1u << 24)
#define SQ_ENTRIES 64u
#define CQ_ENTRIES 256u
#define AT_RINGS PAGE
#define AT_SQES (4 * PAGE)
#define AT_BUFFER_RING (6 * PAGE)
#define AT_CALLS (7 * PAGE)
#define AT_BUFFERS (8 * PAGE)
#define AT_SCRATCH (9 * PAGE)
#define CQES_AT_ONCE 256

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void open_memory(struct twin *t) {
  t->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (t->memory == MAP_FAILED) die("mmap");
  t->buffers = (struct mr_buf *)(void *)(t->memory + AT_BUFFER_RING);
  t->buffer_bytes = t->memory + AT_BUFFERS;
  t->scratch = t->memory + AT_SCRATCH;
  t->scratch_end = t->memory + MEMORY_BYTES;
}

static long enter_real(int ring, uint32_t submit, uint32_t min, struct io_uring_getevents_arg *arg) {
  unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  return syscall(__NR_io_uring_enter, ring, submit, min, flags, arg, sizeof *arg);
}

int twin_open_real(struct twin *t) {
  struct io_uring_params params = {.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE, .cq_entries = CQ_ENTRIES};
  params.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  t->real = true;
  t->ring = (int)syscall(__NR_io_uring_setup, SQ_ENTRIES, &params);
  if (t->ring < 0) return -errno;
  open_memory(t);
  size_t bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  if (sq_bytes > bytes) bytes = sq_bytes;
  int protection = PROT_READ | PROT_WRITE;
  uint8_t *rings = mmap(NULL, bytes, protection, MAP_SHARED | MAP_POPULATE, t->ring, IORING_OFF_SQ_RING);
  size_t sqe_bytes = params.sq_entries * sizeof(struct mr_sqe);
  t->sqes = mmap(NULL, sqe_bytes, protection, MAP_SHARED | MAP_POPULATE, t->ring, (off_t)IORING_OFF_SQES);
  if (rings == MAP_FAILED || t->sqes == MAP_FAILED) die("mmap of the rings");
  t->sq_head = (uint32_t *)(void *)(rings + params.sq_off.head);
  t->sq_tail = (uint32_t *)(void *)(rings + params.sq_off.tail);
  t->sq_mask = (uint32_t *)(void *)(rings + params.sq_off.ring_mask);
  t->cq_head = (uint32_t *)(void *)(rings + params.cq_off.head);
  t->cq_tail = (uint32_t *)(void *)(rings + params.cq_off.tail);
  t->cq_mask = (uint32_t *)(void *)(rings + params.cq_off.ring_mask);
  t->cqes = (struct mr_cqe *)(void *)(rings + params.cq_off.cqes);
  uint32_t *array = (uint32_t *)(void *)(rings + params.sq_off.array);
  for (uint32_t i = 0; i < params.sq_entries; i++) array[i] = i;
  struct io_uring_buf_reg group = {.ring_addr = (uintptr_t)t->buffers, .ring_entries = BUFFERS, .bgid = MR_BUF_GROUP};
  if (syscall(__NR_io_uring_register, t->ring, IORING_REGISTER_PBUF_RING, &group, 1) < 0) die("buffer ring");
  return 0;
}

int twin_open_emulation(struct twin *t, int kernel) {
  static uint32_t masks[2] = {SQ_ENTRIES - 1, CQ_ENTRIES - 1};
  open_memory(t);
  const uint32_t fields[][2] = {
      {MR_CONTROL_ABI, MR_ABI_VERSION},
      {MR_CONTROL_RINGS, AT_RINGS},
      {MR_CONTROL_RINGS_BYTES, AT_SQES - AT_RINGS},
      {MR_CONTROL_SQES, AT_SQES},
      {MR_CONTROL_SQ_ENTRIES, SQ_ENTRIES},
      {MR_CONTROL_CQ_ENTRIES, CQ_ENTRIES},
      {MR_CONTROL_BUFFER_RING, AT_BUFFER_RING},
      {MR_CONTROL_BUFFER_ENTRIES, BUFFERS},
      {MR_CONTROL_CALLS, AT_CALLS},
      {MR_CONTROL_CALL_ENTRIES, 16},
      {MR_CONTROL_MEMORY_BYTES, MEMORY_BYTES},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) memcpy(t->memory + fields[i][0], &fields[i][1], 4);
  t->ring = mr_setup(t->memory, 0, kernel);
  if (t->ring < 0) return t->ring;
  uint32_t at[5];
  memcpy(at, t->memory + MR_CONTROL_SQ_HEAD, sizeof at);
  t->sq_head = (uint32_t *)(void *)(t->memory + at[0]);
  t->sq_tail = (uint32_t *)(void *)(t->memory + at[1]);
  t->cq_head = (uint32_t *)(void *)(t->memory + at[2]);
  t->cq_tail = (uint32_t *)(void *)(t->memory + at[3]);
  t->cqes = (struct mr_cqe *)(void *)(t->memory + at[4]);
  t->sqes = (struct mr_sqe *)(void *)(t->memory + AT_SQES);
  t->sq_mask = &masks[0];
  t->cq_mask = &masks[1];
  return 0;
}

void twin_close(struct twin *t) {
  twin_reset(t);
  if (t->real)
    close(t->ring);
  else
    mr_close(t->ring);
  munmap(t->memory, MEMORY_BYTES);
}

// One case

static int enter(struct twin *t, uint32_t min, int ms) {
  uint32_t submit = *t->sq_tail - __atomic_load_n(t->sq_head, __ATOMIC_ACQUIRE);
  if (!t->real) return mr_enter(t->ring, 0, submit, min, (int64_t)ms * 1000000);
  struct __kernel_timespec time = {ms / 1000, (ms % 1000) * 1000000L};
  struct io_uring_getevents_arg arg = {.sigmask_sz = 8, .ts = (uintptr_t)&time};
  int r = (int)enter_real(t->ring, submit, min, &arg);
  return r < 0 ? -errno : r;
}

static uint32_t ready(const struct twin *t) { return __atomic_load_n(t->cq_tail, __ATOMIC_ACQUIRE) - *t->cq_head; }

void twin_reset(struct twin *t) {
  for (int i = 0; i < t->fd_count; i++) {
    twin_submit(t, (struct mr_sqe){.opcode = MR_OP_ASYNC_CANCEL, .fd = t->fds[i], .op_flags = 3, .user_data = 999});
    enter(t, 1, 100);
  }
  while (t->fd_count) twin_shut(t, t->fds[0]);
  for (int i = 0; i < 3; i++) enter(t, ready(t) + 1, 2);
  __atomic_store_n(t->cq_head, *t->cq_tail, __ATOMIC_RELEASE);
  t->log[0] = 0;
  t->scratch = t->memory + AT_SCRATCH;
}

void *twin_alloc(struct twin *t, size_t bytes) {
  void *at = t->scratch;
  t->scratch += (bytes + 15) / 16 * 16;
  if (t->scratch > t->scratch_end) die("scratch");
  return at;
}

int twin_name(const struct twin *t) {
  int32_t name;
  memcpy(&name, t->memory + MR_CONTROL_RING_FD, sizeof name);
  return t->real ? t->ring : name;
}

void twin_note(struct twin *t, const char *format, ...) {
  size_t used = strlen(t->log);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(t->log + used, sizeof t->log - used, format, arguments);
  va_end(arguments);
}

int twin_own(struct twin *t, int fd) {
  if (fd < 0) die("descriptor");
  return t->fds[t->fd_count++] = fd;
}

void twin_shut(struct twin *t, int fd) {
  int kept = 0;
  for (int i = 0; i < t->fd_count; i++)
    if (t->fds[i] != fd) t->fds[kept++] = t->fds[i];
  t->fd_count = kept;
  if (t->real)
    close(fd);
  else {
    struct mr_call_record *call = (struct mr_call_record *)(void *)(t->memory + AT_CALLS);
    *call = (struct mr_call_record){.op = MR_CALL_CLOSE, .fd = fd};
    mr_call(t->ring, AT_CALLS, 1);
  }
}

int twin_listener(struct twin *t, struct sockaddr_in *address) {
  int fd = twin_own(t, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  socklen_t bytes = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(fd, (struct sockaddr *)address, bytes) || listen(fd, 16)) die("listen");
  getsockname(fd, (struct sockaddr *)address, &bytes);
  return fd;
}

void twin_pair(struct twin *t, int ends[2]) {
  struct sockaddr_in address;
  int listener = twin_listener(t, &address);
  ends[1] = twin_own(t, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(ends[1], (struct sockaddr *)&address, sizeof address)) die("connect");
  ends[0] = twin_own(t, accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
  twin_shut(t, listener);
}

void twin_provide(struct twin *t, uint16_t id) {
  uint16_t tail = t->buffers[0].tail;
  struct mr_buf *buffer = &t->buffers[tail % BUFFERS];
  buffer->addr = (uint64_t)(uintptr_t)(t->memory + AT_BUFFERS + id * BUFFER_BYTES);
  buffer->len = BUFFER_BYTES;
  buffer->id = id;
  __atomic_store_n(&t->buffers[0].tail, (uint16_t)(tail + 1), __ATOMIC_RELEASE);
}

void twin_submit(struct twin *t, struct mr_sqe sqe) {
  uint32_t tail = *t->sq_tail;
  t->sqes[tail & *t->sq_mask] = sqe;
  __atomic_store_n(t->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/** A hint that only the real one can give is not compared; new descriptors differ by nature. */
static void log_cqe(struct twin *t, const struct mr_cqe *cqe) {
  size_t used = strlen(t->log), left = sizeof t->log - used;
  uint32_t flags = cqe->flags & ~(uint32_t)MR_CQE_FLAG_SOCK_NONEMPTY;
  if (cqe->user_data >= 100 && cqe->res >= 0)
    snprintf(t->log + used, left, " [%d fd %x]", (int)cqe->user_data, flags);
  else
    snprintf(t->log + used, left, " [%d %d %x]", (int)cqe->user_data, cqe->res, flags);
  if (cqe->user_data >= 100 && cqe->res >= 0) twin_own(t, cqe->res);
}

void twin_wait(struct twin *t, unsigned count, int ms) {
  struct mr_cqe taken[CQES_AT_ONCE];
  unsigned n = 0;
  for (int tries = 0; n < count || tries == 0; tries++) {
    int r = enter(t, count > n ? count - n : 0, ms);
    for (uint32_t head = *t->cq_head; ready(t) && n < CQES_AT_ONCE;
         __atomic_store_n(t->cq_head, ++head, __ATOMIC_RELEASE))
      taken[n++] = t->cqes[head & *t->cq_mask];
    if ((r < 0 && r != -EINTR) || tries > 50) break;
  }
  // A stable order: by user_data, and among equals as they came.
  for (unsigned i = 1; i < n; i++)
    for (unsigned j = i; j > 0 && taken[j - 1].user_data > taken[j].user_data; j--) {
      struct mr_cqe swap = taken[j];
      taken[j] = taken[j - 1];
      taken[j - 1] = swap;
    }
  for (unsigned i = 0; i < n; i++) log_cqe(t, &taken[i]);
  strncat(t->log, " |", sizeof t->log - strlen(t->log) - 1);
}

void twin_settle(struct twin *t) { enter(t, 0, 0); }

unsigned twin_count(struct twin *t, unsigned count, int ms) {
  unsigned n = 0;
  for (int r = 0; n < count && r >= 0;) {
    r = enter(t, 1, ms);
    n += ready(t);
    __atomic_store_n(t->cq_head, *t->cq_tail, __ATOMIC_RELEASE);
  }
  return n;
}
