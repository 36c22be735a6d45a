// What the files of the simulated kernel share. Files:
//   kernel.c  open, enter, close          submit.c   SQE → op, what each opcode accepts
//   memory.c  one block, size classes     op.c       the life of an op: run, wait, finish, links
//   time.c    virtual time, events        ring.c     completions, provided buffers, the digest
//   chance.c  the generator, faults       timeout.c  timeouts            cancel.c  cancellation
//   file.c    descriptors, readiness      poll.c     polls, pipes and eventfds
//   stream.c  bytes on their way          tcp.c      connections         listener.c  listeners, connecting
//   socket.c  ops at sockets              disk.c     files               file-op.c   ops at files
//   call.c    immediate calls             peer.c     peers outside       export.c    the rest of api.h
//   notice.c  zero-copy sends             call-file.c  calls on files         message.c   other loops
// It is portable: no system call, no clock, no thread, and no library but memcpy and its like. Everything that can
// differ between two runs comes from the seed and from what is called, in its order.
#ifndef MR_SIM_H
#define MR_SIM_H

#include "api.h"
#include <errno.h>

// Linux's numbers, where no other file of the project needs them; shim/check.c compares them.
#define SIM_POLLERR 8u
#define SIM_POLLHUP 16u
#define SIM_POLLRDHUP 0x2000u
#define SIM_MSG_DONTWAIT 0x40u
#define SIM_TROUBLE (SIM_POLLERR | SIM_POLLHUP)
#define SIM_ALL 0xffffu
#define SIM_LOOK (1u << 20) // a wake that polls do not hear of

/** What an attempt returns when the op has to go on waiting. */
#define SIM_WAIT INT32_MIN
#define SIM_NEVER UINT64_MAX
#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_SCRIPTS 64
#define SIM_FD_FIRST 3u
#define SIM_RING_FD (1 << 20) // and a loop's handle: what MSG_RING names it by
#define SIM_PORT_FIRST 32768u
#define SIM_STATX_BYTES 256u
#define SIM_INET_BYTES 16u
#define SIM_INET6_BYTES 28u

struct sim;

// memory.c

struct sim_heap {
  uint8_t *block;
  uint64_t bytes, used, live;
  void *free[32];
};

void sim_heap_open(struct sim_heap *heap, void *block, uint64_t bytes);
/** Zeroed. A simulation that outgrows its block stops: there is nothing to go on with. */
void *sim_alloc(struct sim *sim, uint64_t bytes);
void sim_free(struct sim *sim, void *place);
/** Room for `bytes`, what was there kept; `place` may be null. */
void *sim_grow(struct sim *sim, void *place, uint64_t bytes);
uint64_t sim_capacity(const void *place);
/** Ends a simulation, which was the first thing in its block and must be the last. */
void sim_heap_close(struct sim *sim, uint64_t bytes);

// time.c

/** Something that happens at a time; part of what it happens to. */
struct sim_event {
  uint64_t at, order;
  void (*fire)(struct sim *sim, struct sim_event *event);
  uint32_t place; // in the heap + 1; 0: not scheduled
};

#define SIM_OF(type, member, pointer) ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))

void sim_schedule(struct sim *sim, struct sim_event *event, uint64_t at);
void sim_unschedule(struct sim *sim, struct sim_event *event);
uint64_t sim_next_event(const struct sim *sim);
/** Time goes on to `until` at most, and stops after what is due at one moment → whether anything was. */
bool sim_step(struct sim *sim, uint64_t until);

// chance.c

uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t limit);
/** Whether this opportunity has the fault. */
bool sim_fault(struct sim *sim, int fault);
/** A time between one microsecond and some milliseconds, short ones being likelier. */
uint64_t sim_while(struct sim *sim);

// Ops

#define SIM_OP_STARTED 1u
#define SIM_OP_WAITING 2u // in a list, and in the index
#define SIM_OP_OWNED 4u   // addr is a copy of the operands
#define SIM_OP_DELAYED 8u // not looked at before its event
#define SIM_OP_LATE 16u   // has been delayed, and may go
#define SIM_OP_COUNTED 32u
#define SIM_OP_SOUGHT 64u // the disk has had its time

struct sim_file;

struct sim_op {
  struct sim_event event; // its deadline, or the end of its delay
  uint64_t user_data;
  uint64_t addr; // host address; timeouts: nanoseconds
  uint64_t off;
  struct sim_op *next;   // in the list it waits in
  struct sim_op *link;   // runs after this one
  struct sim_op *same;   // next in its hash bucket
  struct sim_op *guards; // LINK_TIMEOUT: the op it guards
  struct sim_file *file; // that it waits for; null: none
  uint32_t len, done, op_flags;
  uint32_t events; // poll bits it waits for
  int32_t fd;
  int32_t index; // MSG_RING: flags of the target's CQE
  uint16_t ioprio;
  uint8_t opcode, flags;
  bool multishot; // of a notice: the bytes were copied after all
  uint32_t state; // SIM_OP_*
  uint64_t hash;  // of a notice: of the memory it gives back
};

// submit.c, op.c, cancel.c, timeout.c

uint32_t sim_submit(struct sim *sim, uint32_t count);
int sim_attempt(struct sim *sim, struct sim_op *op, uint32_t *flags);
struct sim_op *sim_op_new(struct sim *sim);
void sim_op_free(struct sim *sim, struct sim_op *op);
void sim_run(struct sim *sim, struct sim_op *op);
/** Takes a waiting op out of its list and completes it → whether a linked op ran. */
bool sim_finish(struct sim *sim, struct sim_op *op, int32_t res, uint32_t flags);
struct sim_op *sim_find(struct sim *sim, uint64_t user_data);
bool sim_failed(const struct sim_op *op, int32_t res);
/** Nobody looks at the op before `ns` have passed. */
int sim_delay(struct sim *sim, struct sim_op *op, uint64_t ns);
/** Every op is forgotten, without a completion. */
void sim_ops_drop(struct sim *sim);
void sim_cancel(struct sim *sim, struct sim_op *op);
void sim_guard(struct sim *sim, struct sim_op *op);
void sim_counted_fire(struct sim *sim);
/** Bytes of an op that sends or receives: all of what it was asked for is in len. */
bool sim_moves(const struct sim_op *op);

typedef int (*sim_attempt_fn)(struct sim *sim, struct sim_op *op, uint32_t *flags);

int sim_try_nop(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_timeout(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_timeout_remove(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_cancel(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_poll(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_accept(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_connect(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_recv(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_recvmsg(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_send(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_msg_ring(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_openat(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_close(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_statx(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_read(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_write(struct sim *sim, struct sim_op *op, uint32_t *flags);
int sim_try_fsync(struct sim *sim, struct sim_op *op, uint32_t *flags);

// ring.c

void sim_post(struct sim *sim, uint64_t user_data, int32_t res, uint32_t flags);
bool sim_room(const struct sim *sim);
void sim_deliver_held(struct sim *sim);
/** The provided buffer next in line; null: none. */
struct mr_buf *sim_buffer(struct sim *sim);
/** `n` bytes went into the buffer next in line → CQE flags. */
uint32_t sim_buffer_take(struct sim *sim, uint32_t n);
/** Whether the core holds provided buffers. */
bool sim_buffers_away(const struct sim *sim);
void sim_digest(struct sim *sim, const void *bytes, uint64_t length);
void sim_digest_number(struct sim *sim, uint64_t number);

#include "net.h"

// Files: what a descriptor names

#define SIM_SOCKET 1
#define SIM_DISK 2
#define SIM_EVENTFD 3
#define SIM_PIPE_READ 4
#define SIM_PIPE_WRITE 5

struct sim_options {
  int32_t reuse_address, reuse_port, no_delay, keep_alive, v6_only;
  uint32_t send_bytes, receive_bytes; // 0: the kernel's own
  bool linger_reset;
};

struct sim_pipe {
  struct sim_stream stream;
  struct sim_file *reader, *writer;
};

struct sim_file {
  uint8_t kind;
  bool ready; // in the list of those to be served
  bool shut;  // a listener that was shut down
  uint16_t family, port;
  int32_t fd;
  uint32_t woken; // events since it was served last
  uint64_t rests; // the pass in which it has had its share
  struct sim_op *ops;
  struct sim_file *next_ready;
  struct sim_event storm; // the end of a time in which it takes nothing
  struct sim_options options;
  struct sim_end *end;           // sockets: connected, or about to be
  struct sim_listener *listener; // sockets: listening
  struct sim_inode *inode;       // disk
  uint64_t position;             // disk
  uint32_t open_flags;           // disk
  uint64_t counter;              // eventfd
  struct sim_pipe *pipe;
};

struct sim_file *sim_file_at(const struct sim *sim, int fd);
/** A new file under the lowest free number, in *made → its number, or -EMFILE. */
int sim_file_open(struct sim *sim, int kind, struct sim_file **made);
int sim_file_close(struct sim *sim, int fd);
uint32_t sim_file_mask(struct sim *sim, const struct sim_file *file);
/** Something about the file has changed: its ops are to be served. */
void sim_wake(struct sim *sim, struct sim_file *file, uint32_t events);
/** The file has had its share of this pass: others first. */
void sim_rest(struct sim *sim, struct sim_file *file);
void sim_serve(struct sim *sim);
int sim_read_special(struct sim *sim, struct sim_file *file, void *bytes, uint32_t length);
int sim_write_special(struct sim *sim, struct sim_file *file, const void *bytes, uint32_t length);
int sim_eventfd_open(struct sim *sim, uint64_t value);
int sim_pipe_open(struct sim *sim, int32_t fds[2]);
void sim_special_close(struct sim *sim, struct sim_file *file);
uint32_t sim_special_mask(const struct sim_file *file);

// disk.c
struct sim_image {
  uint8_t *bytes;
  uint64_t length;
};

struct sim_inode {
  struct sim_inode *next;
  uint8_t *path;
  struct sim_image cached, durable;
  uint64_t number, changed_ns;
  uint32_t path_bytes, opened;
  bool exists_durably, removed;
};

#define SIM_FILE_BYTES_MAX (UINT64_C(64) << 20)

struct sim_inode *sim_inode_find(struct sim *sim, const void *path, uint32_t length);
struct sim_inode *sim_inode_make(struct sim *sim, const void *path, uint32_t length);
void sim_inode_release(struct sim *sim, struct sim_inode *inode);
/** Its name is gone, and it too once nobody has it open. */
void sim_inode_remove(struct sim *sim, struct sim_inode *inode);
int sim_inode_read(const struct sim_inode *inode, uint64_t offset, void *bytes, uint32_t length);
int sim_inode_write(struct sim *sim, struct sim_inode *inode, uint64_t offset, const void *bytes, uint32_t length);
void sim_inode_sync(struct sim *sim, struct sim_inode *inode);
/** A part of what was just written reaches the disk by itself. */
void sim_inode_tear(struct sim *sim, struct sim_inode *inode, uint64_t offset, uint32_t length);
/** → its length, and as many of its first bytes as there is room for. */
int sim_image_read(struct sim_inode *inode, bool durable, void *bytes, uint32_t capacity);
void sim_disk_crash(struct sim *sim);
/** A read as an op or a call makes it, with all that can go wrong. */
int sim_disk_read(struct sim *sim, struct sim_file *file, uint64_t offset, void *bytes, uint32_t length);
void sim_disk_free(struct sim *sim);
int sim_open_path(struct sim *sim, const char *path, uint32_t flags, struct sim_file **made);
/** Fills a struct statx of 256 bytes. */
void sim_stat(const struct sim_inode *inode, uint8_t *out);

// kernel.c
uint32_t sim_features(struct sim *sim, uint32_t bits);
/** Time goes on until then, with all that happens. */
void sim_pass(struct sim *sim, uint64_t until);

// socket.c
int sim_socket_send(struct sim *sim, struct sim_file *file, const void *bytes, uint32_t length);
/** The socket behind `fd` for an op that sends or receives: null, and the error, where there is none. */
struct sim_end *sim_socket_end(struct sim *sim, const struct sim_file *file, int *error);
/** The parts of a gathered send: {address u64, length u64} each. */
struct sim_parts {
  uint64_t at; // host address
  uint64_t count;
};
int sim_send_parts(struct sim *sim, struct sim_file *file, struct sim_parts parts, uint64_t skip);
/** A zero-copy send is made: its second completion will come → the flags of the first. */
uint32_t sim_notice(struct sim *sim, struct sim_op *op);

// call-file.c
int sim_call_open(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_reopen(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_fstat(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_pread(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_resident(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_sendfile(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_splice(struct mr_loop *loop, const struct mr_call_record *call);
int sim_call_pipe(struct mr_loop *loop, const struct mr_call_record *call);

// call.c, peer.c
bool sim_calls(struct mr_loop *loop, struct mr_call_record *records, uint32_t count);
struct sim *sim_of(int loop);
struct sim_end *sim_peer_at(const struct sim *sim, int peer);
int sim_peer_add(struct sim *sim, struct sim_end *end);
void sim_peer_remove(struct sim *sim, struct sim_end *end);

struct sim {
  struct sim_heap heap;
  struct mr_loop *loop;
  // time.c
  uint64_t now, order;
  struct sim_event **events;
  uint32_t event_count;
  // chance.c
  uint64_t random;
  bool seeded;
  uint32_t per_million[MR_SIM_FAULTS];
  struct {
    int32_t fault;
    uint32_t left;
  } scripts[SIM_SCRIPTS];
  uint32_t script_count;
  uint64_t stats[MR_SIM_STATS];
  uint64_t digest;
  // ring.c
  struct mr_cqe *held;
  uint32_t held_head, held_count, held_capacity;
  uint32_t posted; // completions so far, timeouts not counted
  uint16_t buffer_head;
  // op.c
  struct sim_op **buckets;
  uint32_t bucket_mask, waiting, counted;
  struct sim_op *loose;   // waiting for no file
  struct sim_op *notices; // zero-copy sends whose memory is not theirs again
  // file.c
  struct sim_file **files;
  uint32_t file_slots, file_limit;
  struct sim_file *ready, *ready_last;
  uint32_t ready_count;
  uint64_t pass; // every file that is ready has its share in each
  // tcp.c, listener.c, peer.c
  struct sim_conn *conns, *conns_last;
  struct sim_listener *listeners;
  struct sim_partition *partitions;
  struct sim_end **peers;
  uint32_t peer_slots, window;
  uint16_t port_next;
  // disk.c
  struct sim_inode *inodes;
  uint64_t inode_next;
};

/** The block a loop's simulation lives in, from kernels.c; null: none is left. */
void *mr_sim_block(uint64_t *bytes);
void mr_sim_unblock(void *block);

static inline uint32_t sim_min(uint64_t a, uint64_t b) { return (uint32_t)(a < b ? a : b); }

#endif
