// The readiness kernel: io_uring's semantics over a system call that says which descriptors are ready. Files:
//   readiness.c  enter: submit, wait, serve      queue.c    completions, links, the life of an op
//   submit.c     SQE → op, one row per opcode     fds.c      one record per fd, its ops and interest
//   socket.c     accept, connect, receive, send   timeout.c  the heap of deadlines, timeouts
//   file.c       files, poll, close, nop          cancel.c   finding and cancelling ops
//   edge.c       pollers that tell once           limit.c    pollers that hold few descriptors
//   message.c    receiving messages               inbox.c    messages from loop to loop
// epoll.c and its siblings are pollers: they say what is ready and nothing else.
#ifndef MR_READINESS_H
#define MR_READINESS_H

#include "../shim.h"
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

/** What an attempt returns when the op has to go on waiting. */
#define MR_WAIT INT_MIN

/** An interest bit beside poll's: report each change once instead of the level, if the poller can. */
#define MR_EDGE (1u << 31)
#define MR_TROUBLE (POLLERR | POLLHUP | POLLNVAL)
#define MR_END 0x2000u // POLLRDHUP, which poll.h shows only to GNU programs

#define MR_EVENTS_MAX 256
#define MR_NEVER UINT64_MAX

/** What is not waiting for anything has no place in lists: an op lives on the stack until it has to wait or is linked.
 */
struct mr_op {
  uint64_t user_data;
  uint64_t addr;      // host address; timeouts: nanoseconds, relative until started, then the deadline
  struct mr_op *next; // in the list of its fd or of free ops; LINK_TIMEOUT: the op it guards
  struct mr_op *link; // runs after this one
  union {
    struct mr_op *same; // next in its hash bucket, while it waits
    uint64_t off;       // operand, until it waits
  };
  uint32_t len;  // TIMEOUT, while it waits: its place in the heap
  uint32_t done; // bytes moved so far; TIMEOUT: the completion it waits for
  int32_t fd;
  uint32_t op_flags;
  uint32_t events; // poll bits it waits for
  uint8_t opcode, flags;
  uint8_t state;     // MR_OP_*
  uint8_t multishot; // 0: no; a receive also remembers here what it has met
};

_Static_assert(sizeof(struct mr_op) == 64, "one cache line, and little for an idle connection");

#define MR_OP_STARTED 1 // attempted at least once
#define MR_OP_WAITING 2 // parked: in a list or in the heap
#define MR_OP_OWNED 4   // addr is a copy of the operands, to be freed
#define MR_OP_COUNTED 8 // TIMEOUT with a count
#define MR_OP_POLL_FIRST 16
#define MR_OP_NOTIFIES 32 // a zero-copy send: F_MORE on its result, and a notification behind it
#define MR_OP_USAGE 64    // … that says whether the bytes were copied

struct mr_record {
  struct mr_op *ops;
  uint32_t generation; // of the open file behind the number
  uint32_t armed;      // what the poller was told
  int32_t dirty;       // next fd whose interest may have changed
  uint32_t flags;
  uint32_t hot; // poll bits that were reported and not disproved since; only where the poller tells once
  int32_t next_hot;
};

#define MR_FD_DIRTY 1
#define MR_FD_SOCKET 2 // has proved to be a connected socket
#define MR_FD_HOT 4    // in the list of hot descriptors
#define MR_FD_BESIDE 8 // armed in the set of edges, not in the poller

struct mr_ready {
  uint32_t fd, generation, events;
};

#define MR_HOST_FD UINT32_MAX        // the host's loop has something
#define MR_TIMER_FD (UINT32_MAX - 1) // the alarm rang
#define MR_EDGES_FD (UINT32_MAX - 2) // the set of edges has something
#define MR_INBOX_FD (UINT32_MAX - 3) // another loop has sent a message
#define MR_WATCHED 4                 // the names above
#define MR_WATCHED_AT(name) (UINT32_MAX - (name))

/** How one readiness mechanism is spoken to. `state` is its own. */
struct mr_poller {
  int (*open)(void **state);
  void (*close)(void *state);
  /**
   * Interest in `fd` goes from `from` to `to`; 0 is none. What is ready at that moment is reported by the next wait.
   * -EOPNOTSUPP: this descriptor, or these events, are beyond the mechanism; the set of edges takes it.
   */
  int (*change)(void *state, uint32_t fd, uint32_t generation, uint32_t from, uint32_t to);
  /** Watches a descriptor of the kernel itself under a name from MR_HOST_FD down; fd -1 ends that. */
  int (*watch)(void *state, uint32_t name, int fd);
  /** Waits up to timeout_ns, -1 for ever → count; -EINTR is an answer. */
  int (*wait)(void *state, struct mr_ready *out, int max, int64_t timeout_ns);
  /** A descriptor that is readable while wait would return; null: there is none, nobody can wait from outside. */
  int (*fd)(void *state);
  int fd_limit;  // holds only descriptors below this; 0: any
  bool edge;     // tells each change once, whatever the interest: interest then stays until the file is closed
  bool has_edge; // knows MR_EDGE; where it does not, such interest goes to the set of edges
  bool hints;    // may report what is not so: a poll is asked again before it is answered
};

/** What a waiting attempt says about the rest, for pollers that tell once: in r->rest. */
#define MR_REST_NONE 0    // the system call would have blocked
#define MR_REST_SHORT 1   // less came than was asked for: nothing is left but perhaps the end
#define MR_REST_PERHAPS 2 // a budget ended, or there was no room

struct mr_inbox;

struct mr_readiness {
  struct mr_loop *loop;
  const struct mr_poller *poller;
  void *poller_state;
  // fds.c
  struct mr_record **records;
  uint32_t record_chunks;
  int32_t dirty;
  // queue.c
  struct mr_op *free_ops;
  void *op_chunks;
  struct mr_op **buckets;
  uint32_t bucket_mask, waiting;
  struct mr_cqe *held; // completions the CQ had no room for
  uint32_t held_head, held_count, held_capacity;
  uint32_t posted; // completions so far, timeouts not counted
  struct mr_inbox *inbox;
  // timeout.c
  struct mr_op **heap;
  uint32_t timeouts, heap_capacity, counted;
  int timer_fd; // -1: nobody waits from outside
  uint64_t timer_deadline;
  // the batch that is being served: what the CQ had no room for is served first next time
  uint32_t ready_at, ready_count;
  uint32_t events; // of the record that is being served
  uint32_t min;    // completions that this enter is to bring
  // edge.c, limit.c
  int32_t hot, hot_last;     // the list of descriptors to be served without being reported again
  void *edges;               // null until something needs it
  int spare, spare_listener; // an accepted connection whose number is too high for the poller; -1: none
  uint8_t rest;
  bool host_ready;
  bool stale; // the batch is of an earlier enter
  uint16_t buffer_head;
  struct mr_ready ready[MR_EVENTS_MAX];
};

int mr_readiness_open(struct mr_loop *loop, const struct mr_poller *poller);
void mr_readiness_close(struct mr_loop *loop);
int mr_readiness_enter(struct mr_loop *loop, uint32_t submit, uint32_t min, int64_t timeout_ns);
int mr_readiness_wait_fd(struct mr_loop *loop);
int mr_readiness_watch_host(struct mr_loop *loop, int fd);
void mr_readiness_opened(struct mr_loop *loop, int fd);
void mr_readiness_closing(struct mr_loop *loop, int fd);

/** Takes over: the six functions above, for a kernel that is a poller. */
#define MR_READINESS_FUNCTIONS                                                                                         \
  .close = mr_readiness_close, .wait_fd = mr_readiness_wait_fd, .watch_host = mr_readiness_watch_host,                 \
  .opened = mr_readiness_opened, .closing = mr_readiness_closing
#define MR_READINESS_KERNEL(kernel_name, open_function)                                                                \
  { .name = kernel_name, .open = open_function, .enter = mr_readiness_enter, MR_READINESS_FUNCTIONS }

/** One attempt at an op → its result, or MR_WAIT. A result may come with CQE flags. */
typedef int (*mr_attempt_fn)(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);

// submit.c
uint32_t mr_submit(struct mr_readiness *r, uint32_t count);
int mr_attempt(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);

// queue.c
void mr_post(struct mr_readiness *r, uint64_t user_data, int32_t res, uint32_t flags);
/** The end of an op: its last CQE, and the notification of a zero-copy send. */
void mr_post_last(struct mr_readiness *r, const struct mr_op *op, int32_t res, uint32_t flags);
/** The end of an op of a chain that has failed before the op began. */
void mr_post_unstarted(struct mr_readiness *r, const struct mr_op *op, int32_t res);
bool mr_room(const struct mr_readiness *r);
void mr_deliver_held(struct mr_readiness *r);
struct mr_op *mr_op_new(struct mr_readiness *r);
void mr_op_free(struct mr_readiness *r, struct mr_op *op);
void mr_op_free_all(struct mr_readiness *r);
bool mr_failed(const struct mr_op *op, int32_t res);
/** Starts an op of the pool, and those linked behind it as they complete. */
void mr_run(struct mr_readiness *r, struct mr_op *op);
/** Takes a waiting op out of its list or heap and completes it → whether a linked op ran. */
bool mr_finish(struct mr_readiness *r, struct mr_op *op, int32_t res, uint32_t cqe_flags);
struct mr_op *mr_find(struct mr_readiness *r, uint64_t user_data);
void mr_index(struct mr_readiness *r, struct mr_op *op);
void mr_unindex(struct mr_readiness *r, struct mr_op *op);

// fds.c
struct mr_record *mr_record_at(const struct mr_readiness *r, int fd);
int mr_park(struct mr_readiness *r, struct mr_op *op);
void mr_unpark(struct mr_readiness *r, struct mr_op *op);
void mr_apply_interest(struct mr_readiness *r);
/** The poller refused this fd. A file that cannot be polled is always ready, which only a poll wants to hear. */
void mr_refuse(struct mr_readiness *r, struct mr_record *record, int error);
void mr_records_free(struct mr_readiness *r);
void mr_know_socket(struct mr_readiness *r, int fd);

// edge.c
extern const struct mr_poller mr_epoll_poller;
/** Serves one report of a poller that tells once. False: the CQ is full, come back with it. */
bool mr_edge_serve(struct mr_readiness *r, const struct mr_ready *ready);
/** Serves what is hot, each descriptor once. */
void mr_edge_serve_hot(struct mr_readiness *r);
/** An op has been attempted and waits: what it left decides whether its descriptor is hot. */
void mr_edge_park(struct mr_readiness *r, struct mr_record *record, const struct mr_op *op);
/** Whether the poller was told of all that the op waits for, and will not say again what is there already. */
bool mr_edge_told(const struct mr_readiness *r, const struct mr_op *op);
/** Tells the poller, or the set of edges, about the interest in a descriptor. */
int mr_edge_change(struct mr_readiness *r, struct mr_record *record, uint32_t fd, uint32_t to);
/** The reports of the set of edges → count. */
int mr_edge_set_wait(struct mr_readiness *r, struct mr_ready *out, int max);
void mr_edge_close(struct mr_readiness *r);

// limit.c
/** accept4, for pollers that cannot hold every descriptor → the fd or -errno. */
int mr_limit_accept(struct mr_readiness *r, const struct mr_op *op);
/** Whether the poller can hold this number; 0 or -EMFILE, counted. */
int mr_limit_check(struct mr_readiness *r, int fd);
/** The listener closes. */
void mr_limit_forget(struct mr_readiness *r, int listener);

// timeout.c
int mr_timer_add(struct mr_readiness *r, struct mr_op *op);
/** Starts the LINK_TIMEOUT behind an op that has to wait, if there is one. */
void mr_timer_guard(struct mr_readiness *r, struct mr_op *op);
void mr_timer_remove(struct mr_readiness *r, struct mr_op *op);
/** The earliest deadline, MR_NEVER without one. */
uint64_t mr_timer_next(const struct mr_readiness *r);
void mr_timers_fire(struct mr_readiness *r);
void mr_alarm_set(struct mr_readiness *r);
int mr_try_timeout(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_timeout_remove(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);

// cancel.c
int mr_try_cancel(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
void mr_cancel(struct mr_readiness *r, struct mr_op *op);

// socket.c
int mr_try_accept(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_connect(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_recv(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_send(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_sendmsg(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_message_check(const struct mr_readiness *r, const struct mr_op *op);
int mr_message_keep(struct mr_op *op);
int mr_try_send_zc(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
/** The provided buffer next in line, null when there is none. It is taken by moving buffer_head on. */
const struct mr_buf *mr_next_buffer(const struct mr_readiness *r);
/** Without a buffer the socket is not asked, but what is no socket is still said. */
int mr_without_buffer(const struct mr_readiness *r, const struct mr_op *op);
/** Whether what MSG_WAITALL waits for can still come: a datagram is whole, however short. */
bool mr_streams(int fd);
void mr_message_advance(struct msghdr *header, size_t n);

// message.c
int mr_try_recvmsg(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_recvmsg_prepare(const struct mr_readiness *r, struct mr_op *op);
int mr_recvmsg_keep(struct mr_op *op);

// inbox.c
int mr_inbox_open(struct mr_readiness *r);
void mr_inbox_close(struct mr_readiness *r);
/** Posts what other loops have sent. */
void mr_inbox_drain(struct mr_readiness *r);
int mr_try_msg_ring(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);

// file.c
int mr_try_nop(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_poll(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_close(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_fsync(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_openat(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_statx(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_read(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);
int mr_try_write(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags);

#endif
