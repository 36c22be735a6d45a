// The ceiling of the echo servers: plain C on io_uring by raw system calls. Multishot accept and receive into one ring
// of provided buffers, sends as SQEs, everything of a turn in one enter. Usage: echo-uring PORT
#include "bench.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { SQ_ENTRIES = 4096, CQ_ENTRIES = 16384, BUFFERS = 64, BUFFER_BYTES = 16 * 1024, FDS = 1 << 17, NONE = -1 };
enum { ACCEPT, RECEIVE, SEND }; // in the upper half of user_data, the descriptor in the lower

/** What a connection has still to send: buffers in the order in which they came; the first is in flight. */
struct connection {
  int first, last;
  int receiving, closing, starved;
};

static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static struct io_uring_buf_ring *ring; // of provided buffers
static unsigned *sq_head, *sq_tail, *cq_head, *cq_tail;
static unsigned queued, submitted;
static int ring_fd, registered_fd, listener;
static struct connection connections[FDS];
static struct {
  int next;
  unsigned length;
} pending[BUFFERS];
static int starving[FDS], starving_from, starving_to; // descriptors that wait for a buffer, a queue
static char *memory;

static char *buffer(int id) { return memory + (size_t)id * BUFFER_BYTES; }

static long enter(unsigned wait) {
  unsigned flags = IORING_ENTER_GETEVENTS | (registered_fd != ring_fd ? IORING_ENTER_REGISTERED_RING : 0);
  __atomic_store_n(sq_tail, queued, __ATOMIC_RELEASE);
  long done = syscall(__NR_io_uring_enter, registered_fd, queued - submitted, wait, flags, NULL, 0);
  if (done < 0 && errno != EINTR && errno != EBUSY) die("io_uring_enter");
  if (done > 0) submitted += (unsigned)done;
  return done;
}

static struct io_uring_sqe *sqe(int opcode, int fd, uint64_t kind) {
  while (queued - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) == SQ_ENTRIES) enter(0);
  struct io_uring_sqe *each = &sqes[queued++ & (SQ_ENTRIES - 1)];
  memset(each, 0, sizeof *each);
  each->opcode = (uint8_t)opcode;
  each->fd = fd;
  each->user_data = kind << 32 | (uint32_t)fd;
  return each;
}

static void accept_more(void) {
  struct io_uring_sqe *each = sqe(IORING_OP_ACCEPT, listener, ACCEPT);
  each->ioprio = IORING_ACCEPT_MULTISHOT;
  each->accept_flags = SOCK_CLOEXEC;
}

static void receive(int fd) {
  struct io_uring_sqe *each = sqe(IORING_OP_RECV, fd, RECEIVE);
  each->ioprio = IORING_RECV_MULTISHOT;
  each->flags = IOSQE_BUFFER_SELECT;
  connections[fd].receiving = 1;
}

static void send_first(int fd) {
  int id = connections[fd].first;
  struct io_uring_sqe *each = sqe(IORING_OP_SEND, fd, SEND);
  each->addr = (uintptr_t)buffer(id);
  each->len = pending[id].length;
  each->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static void give_back(int id) {
  unsigned short tail = ring->tail;
  struct io_uring_buf *each = &ring->bufs[tail & (BUFFERS - 1)];
  each->addr = (uintptr_t)buffer(id);
  each->len = BUFFER_BYTES;
  each->bid = (uint16_t)id;
  __atomic_store_n(&ring->tail, (unsigned short)(tail + 1), __ATOMIC_RELEASE);
}

/** A connection is closed when nothing of it is in flight any more. */
static void close_when_done(int fd) {
  struct connection *c = &connections[fd];
  if (c->receiving || c->starved || c->first != NONE) return;
  close(fd);
}

static void hang_up(int fd) {
  struct connection *c = &connections[fd];
  if (c->closing) return;
  c->closing = 1;
  shutdown(fd, SHUT_RDWR); // ends the receive and what is sent
}

static void accepted(int fd, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) accept_more();
  if (fd < 0) return;
  if (fd >= FDS) {
    close(fd);
    return;
  }
  no_delay(fd);
  connections[fd] = (struct connection){.first = NONE, .last = NONE};
  receive(fd);
}

static void received(int fd, int result, unsigned flags) {
  struct connection *c = &connections[fd];
  if (!(flags & IORING_CQE_F_MORE)) c->receiving = 0;
  if (result == -ENOBUFS) {
    c->starved = 1;
    starving[starving_to++ & (FDS - 1)] = fd;
    return;
  }
  if (result <= 0) {
    c->closing = 1;
    close_when_done(fd);
    return;
  }
  int id = (int)(flags >> IORING_CQE_BUFFER_SHIFT);
  pending[id].next = NONE;
  pending[id].length = (unsigned)result;
  if (c->first == NONE) {
    c->first = c->last = id;
    send_first(fd);
  } else {
    pending[c->last].next = id;
    c->last = id;
  }
  if (!c->receiving && !c->closing) receive(fd);
}

static void sent(int fd, int result) {
  struct connection *c = &connections[fd];
  int id = c->first;
  int failed = result < (int)pending[id].length;
  if (failed) hang_up(fd);
  do { // what comes after a failure is not sent any more
    c->first = pending[id].next;
    give_back(id);
    id = c->first;
  } while (failed && id != NONE);
  if (c->first != NONE)
    send_first(fd);
  else if (c->closing)
    close_when_done(fd);
}

/** Buffers came back: those that starved receive again, in the order in which they began to. */
static void feed(void) {
  while (starving_from != starving_to) {
    int fd = starving[starving_from++ & (FDS - 1)];
    connections[fd].starved = 0;
    if (connections[fd].closing)
      close_when_done(fd);
    else
      receive(fd);
  }
}

static void *map(size_t bytes, uint64_t offset) {
  int flags = ring_fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, ring_fd, (off_t)offset);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

static void setup(void) {
  ring_fd = -1;
  memory = map((size_t)BUFFERS * BUFFER_BYTES, 0);
  ring = map(BUFFERS * sizeof(struct io_uring_buf), 0);
  struct io_uring_params params = {.cq_entries = CQ_ENTRIES};
  params.flags =
      IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  int fd = (int)syscall(__NR_io_uring_setup, SQ_ENTRIES, &params);
  if (fd < 0) die("io_uring_setup");
  registered_fd = ring_fd = fd;
  size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = map(sq_bytes > cq_bytes ? sq_bytes : cq_bytes, IORING_OFF_SQ_RING); // both are in one mapping
  sqes = map(params.sq_entries * sizeof *sqes, IORING_OFF_SQES);
  sq_head = (unsigned *)(void *)(rings + params.sq_off.head);
  sq_tail = (unsigned *)(void *)(rings + params.sq_off.tail);
  cq_head = (unsigned *)(void *)(rings + params.cq_off.head);
  cq_tail = (unsigned *)(void *)(rings + params.cq_off.tail);
  cqes = (struct io_uring_cqe *)(void *)(rings + params.cq_off.cqes);
  unsigned *order = (unsigned *)(void *)(rings + params.sq_off.array);
  for (unsigned i = 0; i < params.sq_entries; i++) order[i] = i;
  struct io_uring_buf_reg group = {.ring_addr = (uintptr_t)ring, .ring_entries = BUFFERS};
  if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_PBUF_RING, &group, 1) < 0) die("IORING_REGISTER_PBUF_RING");
  for (int id = 0; id < BUFFERS; id++) give_back(id);
  struct io_uring_rsrc_update own = {.offset = UINT32_MAX, .data = (uint32_t)fd};
  if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_RING_FDS, &own, 1) == 1) registered_fd = (int)own.offset;
}

static void complete(const struct io_uring_cqe *cqe) {
  int fd = (int)(uint32_t)cqe->user_data;
  switch (cqe->user_data >> 32) {
  case ACCEPT:
    accepted(cqe->res, cqe->flags);
    break;
  case RECEIVE:
    received(fd, cqe->res, cqe->flags);
    break;
  default:
    sent(fd, cqe->res);
  }
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s PORT\n", arguments[0]);
    return 2;
  }
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, number(arguments[1], "PORT", 1, 65535));
  raise_file_limit();
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) die("socket");
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  if (listen(listener, 4096) != 0) die("listen");
  setup();
  accept_more();
  for (;;) {
    enter(1);
    unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) complete(&cqes[head & (CQ_ENTRIES - 1)]);
    __atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
    feed();
  }
}
