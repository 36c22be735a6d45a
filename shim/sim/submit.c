// From SQE to op: a table of what each opcode accepts, copies of operands, and chains. A mistake is answered as Linux
// answers it.
#include "sim.h"
#include <string.h>

#define FLAGS_KNOWN (MR_SQE_FLAG_IO_LINK | MR_SQE_FLAG_BUFFER_SELECT | MR_SQE_FLAG_CQE_SKIP_SUCCESS)
#define NS_PER_S INT64_C(1000000000)
#define PATH_BYTES_MAX 4096u
#define ADDRESS_BYTES_MAX 128u // struct sockaddr_storage
#define STATX_BYTES 256u
#define PARTS_MAX 1024u // IOV_MAX
#define MESSAGE_BYTES 56u
#define FLAGS_ANY UINT32_MAX

// Fields that must be zero
#define NO_OFF 1u
#define NO_ADDR 2u
#define NO_LEN 4u
#define NO_GROUP 8u

// Traits
#define OF_FILE 1u    // fd must be open, and the op waits in its list
#define FALLIBLE 2u   // memory may be short when it begins
#define PATIENT 4u    // may be delayed
#define HELD_BACK 8u  // does not begin while the CQ is full: what it would take stays where it is
#define SELECTS 16u   // takes provided buffers
#define LOUD 32u      // -EINVAL with CQE_SKIP_SUCCESS
#define HAS_INDEX 64u // file_index is an operand

/** What is special about an opcode: 0 or -errno. */
typedef int (*prepare_fn)(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe);

struct row {
  sim_attempt_fn attempt;
  prepare_fn prepare;
  uint32_t zero, traits;
  uint32_t op_flags; // those known
  uint16_t ioprio;   // bits known
  uint16_t events;   // direction
};

static int prepare_poll(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  (void)sim;
  if (sqe->len & ~(uint32_t)MR_POLL_MULTISHOT) return -EINVAL;
  op->multishot = sqe->len & MR_POLL_MULTISHOT;
  if (op->multishot && op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) return -EINVAL;
  op->events = op->op_flags & SIM_ALL;
  return 0;
}

static int prepare_timeout(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  int64_t time[2]; // seconds, nanoseconds
  if (sqe->len != 1 || (sqe->off && op->opcode == MR_OP_LINK_TIMEOUT)) return -EINVAL;
  if (!mr_inside(sim->loop, sqe->addr, sizeof time)) return -EFAULT;
  memcpy(time, mr_pointer(sqe->addr), sizeof time);
  if (time[0] < 0 || time[1] < 0) return -EINVAL;
  bool far = time[0] > INT64_MAX / NS_PER_S - 1 || time[1] > INT64_MAX / 2;
  op->addr = far ? INT64_MAX : (uint64_t)(time[0] * NS_PER_S + time[1]);
  return 0;
}

/** The op gets its own copy of an operand. */
static int keep(struct sim *sim, struct sim_op *op, uint64_t bytes) {
  void *copy = sim_alloc(sim, bytes ? bytes : 1);
  if (bytes) memcpy(copy, mr_pointer(op->addr), (size_t)bytes);
  op->addr = (uint64_t)(uintptr_t)copy;
  op->state |= SIM_OP_OWNED;
  return 0;
}

static int prepare_connect(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  if (sqe->off > ADDRESS_BYTES_MAX) return -EINVAL;
  if (!mr_inside(sim->loop, sqe->addr, sqe->off)) return -EFAULT;
  op->len = (uint32_t)sqe->off;
  return keep(sim->loop->state, op, sqe->off);
}

static int prepare_accept(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  (void)sim;
  op->multishot = sqe->ioprio & MR_ACCEPT_MULTISHOT;
  return 0;
}

static int prepare_recv(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  bool select = op->flags & MR_SQE_FLAG_BUFFER_SELECT;
  op->multishot = sqe->ioprio & MR_RECV_MULTISHOT;
  if (op->multishot && (!select || sqe->len || op->op_flags & MR_MSG_WAITALL)) return -EINVAL;
  if (select && sqe->addr) return -EINVAL;
  if (!select && !mr_inside(sim->loop, sqe->addr, sqe->len)) return -EFAULT;
  return select && sqe->buf_group != MR_BUF_GROUP ? -ENOBUFS : 0;
}

static int prepare_bytes(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  (void)op;
  return mr_inside(sim->loop, sqe->addr, sqe->len) ? 0 : -EFAULT;
}

static int prepare_rw(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  return op->op_flags ? -EOPNOTSUPP : prepare_bytes(sim, op, sqe);
}

/** struct msghdr of a 64-bit machine, whatever machine this is. */
struct message {
  uint64_t name;
  uint32_t name_bytes, gap;
  uint64_t parts, part_count, control, control_bytes;
  int32_t flags;
};

/** The op's address becomes a copy of the parts, their number in off, all their bytes in len. */
static int prepare_message(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  const struct mr_loop *loop = sim->loop;
  struct message message;
  if (!mr_inside(loop, sqe->addr, MESSAGE_BYTES) || sqe->addr % 8) return -EFAULT;
  memcpy(&message, mr_pointer(sqe->addr), sizeof message);
  if (message.part_count > PARTS_MAX) return -EMSGSIZE;
  if (message.control || message.control_bytes || message.name_bytes > ADDRESS_BYTES_MAX) return -EINVAL;
  if (message.part_count && (message.parts % 8 || !mr_inside(loop, message.parts, message.part_count * 16)))
    return -EFAULT;
  if (message.name && !mr_inside(loop, message.name, message.name_bytes)) return -EFAULT;
  uint64_t bytes = 0, part[2];
  for (uint64_t i = 0; i < message.part_count; i++) {
    memcpy(part, mr_pointer(message.parts + i * 16), sizeof part);
    if (!mr_inside(loop, part[0], part[1])) return -EFAULT;
    bytes += part[1];
  }
  op->addr = message.parts;
  op->off = message.part_count;
  op->len = sim_min(bytes, INT32_MAX);
  return keep(sim->loop->state, op, message.part_count * 16);
}

/** A path must end inside the memory. */
static int prepare_path(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  if (!mr_inside(sim->loop, sqe->addr, 1)) return -EFAULT;
  uint64_t left = sim->loop->bytes - (sqe->addr - (uint64_t)(uintptr_t)sim->loop->base);
  uint32_t limit = sim_min(left, PATH_BYTES_MAX);
  const uint8_t *path = mr_pointer(sqe->addr), *end = memchr(path, 0, limit);
  if (!end) return limit < PATH_BYTES_MAX ? -EFAULT : -ENAMETOOLONG;
  return keep(sim->loop->state, op, (uint64_t)(end - path) + 1);
}

static int prepare_statx(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  return mr_inside(sim->loop, sqe->off, STATX_BYTES) ? prepare_path(sim, op, sqe) : -EFAULT;
}

static int attempt_none(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  (void)sim, (void)op, (void)flags;
  return -EINVAL; // a LINK_TIMEOUT is started by the op it guards
}

#define ZC_IOPRIO (MR_RECV_POLL_FIRST | MR_SEND_ZC_REPORT_USAGE)
#define SENDS (OF_FILE | FALLIBLE | PATIENT)
#define RECEIVES (SENDS | HELD_BACK)

static const struct row rows[] = {
    [MR_OP_NOP] = {sim_try_nop, NULL, 0, 0, 0, 0, 0},
    [MR_OP_FSYNC] = {sim_try_fsync, NULL, NO_ADDR | NO_GROUP, SENDS, 1, 0, 0},
    [MR_OP_POLL_ADD] = {sim_try_poll, prepare_poll, NO_OFF | NO_ADDR | NO_GROUP, OF_FILE | HELD_BACK, FLAGS_ANY, 0, 0},
    [MR_OP_SENDMSG] = {sim_try_send, prepare_message, NO_OFF | NO_GROUP, SENDS, FLAGS_ANY, 1, MR_POLLOUT},
    [MR_OP_RECVMSG] = {sim_try_recvmsg, prepare_message, NO_OFF | NO_GROUP, RECEIVES, FLAGS_ANY, 1, MR_POLLIN},
    [MR_OP_TIMEOUT] = {sim_try_timeout, prepare_timeout, NO_GROUP, 0, MR_TIMEOUT_ABS, 0, 0},
    [MR_OP_TIMEOUT_REMOVE] = {sim_try_timeout_remove, NULL, NO_LEN | NO_GROUP, 0, 0, 0, 0},
    [MR_OP_ACCEPT] = {sim_try_accept, prepare_accept, NO_ADDR | NO_OFF | NO_LEN | NO_GROUP, RECEIVES,
                      MR_SOCK_NONBLOCK | MR_SOCK_CLOEXEC, MR_ACCEPT_MULTISHOT, MR_POLLIN},
    [MR_OP_ASYNC_CANCEL] = {sim_try_cancel, NULL, NO_OFF, 0, MR_CANCEL_ALL | MR_CANCEL_FD, 0, 0},
    [MR_OP_LINK_TIMEOUT] = {attempt_none, prepare_timeout, NO_GROUP, 0, MR_TIMEOUT_ABS, 0, 0},
    [MR_OP_CONNECT] = {sim_try_connect, prepare_connect, NO_LEN | NO_GROUP, SENDS, 0, 0, MR_POLLOUT},
    [MR_OP_OPENAT] = {sim_try_openat, prepare_path, NO_OFF | NO_GROUP, FALLIBLE | PATIENT, FLAGS_ANY, 0, 0},
    [MR_OP_CLOSE] = {sim_try_close, NULL, NO_OFF | NO_ADDR | NO_LEN | NO_GROUP, 0, 0, 0, 0},
    [MR_OP_STATX] = {sim_try_statx, prepare_statx, NO_GROUP, FALLIBLE | PATIENT, FLAGS_ANY, 0, 0},
    [MR_OP_READ] = {sim_try_read, prepare_rw, NO_GROUP, RECEIVES, FLAGS_ANY, 0, MR_POLLIN},
    [MR_OP_WRITE] = {sim_try_write, prepare_rw, NO_GROUP, SENDS, FLAGS_ANY, 0, MR_POLLOUT},
    [MR_OP_SEND] = {sim_try_send, prepare_bytes, NO_OFF | NO_GROUP, SENDS, FLAGS_ANY, 1, MR_POLLOUT},
    [MR_OP_RECV] = {sim_try_recv, prepare_recv, NO_OFF, RECEIVES | SELECTS, FLAGS_ANY,
                    MR_RECV_MULTISHOT | MR_RECV_POLL_FIRST, MR_POLLIN},
    [MR_OP_MSG_RING] = {sim_try_msg_ring, NULL, NO_GROUP, HAS_INDEX, MR_MSG_RING_FLAGS_PASS, 0, 0},
    [MR_OP_SEND_ZC] = {sim_try_send, prepare_bytes, NO_OFF | NO_GROUP, SENDS | LOUD, FLAGS_ANY, ZC_IOPRIO, MR_POLLOUT},
    [MR_OP_SENDMSG_ZC] = {sim_try_send, prepare_message, NO_OFF | NO_GROUP, SENDS | LOUD, FLAGS_ANY, ZC_IOPRIO,
                          MR_POLLOUT},
};

/** An op in the same direction of the same file that was there first. */
static bool overtakes(const struct sim_op *op) {
  for (const struct sim_op *other = op->file->ops; other && op->events; other = other->next)
    if (other->opcode != MR_OP_POLL_ADD && other->events & op->events) return true;
  return false;
}

/** The first attempt of an op → SIM_WAIT where it is not to be made yet. */
static int begin(struct sim *sim, struct sim_op *op, uint32_t traits) {
  op->state |= SIM_OP_STARTED;
  if (traits & OF_FILE) {
    op->file = sim_file_at(sim, op->fd);
    if (!op->file) return -EBADF;
  }
  if (traits & FALLIBLE && sim_fault(sim, MR_SIM_FAULT_NOMEM)) return -ENOMEM;
  if (!op->file) return 0;
  if (traits & HELD_BACK && !sim_room(sim)) {
    sim_wake(sim, op->file, op->events | SIM_LOOK);
    return SIM_WAIT;
  }
  return op->opcode != MR_OP_POLL_ADD && overtakes(op) ? SIM_WAIT : 0;
}

int sim_attempt(struct sim *sim, struct sim_op *op, uint32_t *flags) {
  const struct row *row = &rows[op->opcode];
  if (op->state & SIM_OP_DELAYED) return SIM_WAIT;
  if (!(op->state & SIM_OP_STARTED)) {
    int res = begin(sim, op, row->traits);
    if (res) return res;
  }
  if (op->state & SIM_OP_LATE)
    op->state &= ~SIM_OP_LATE;
  else if (row->traits & PATIENT && sim_fault(sim, MR_SIM_FAULT_DELAY))
    return sim_delay(sim, op, sim_while(sim));
  return row->attempt(sim, op, flags);
}

static int prepare(const struct sim *sim, struct sim_op *op, const struct mr_sqe *sqe) {
  op->user_data = sqe->user_data;
  op->addr = sqe->addr;
  op->off = sqe->off;
  op->len = sqe->len;
  op->fd = sqe->fd;
  op->op_flags = sqe->op_flags;
  op->ioprio = sqe->ioprio;
  op->opcode = sqe->opcode;
  op->flags = sqe->flags;
  op->index = sqe->file_index;
  if (sqe->opcode >= sizeof rows / sizeof *rows || !rows[sqe->opcode].attempt) return -EINVAL;
  const struct row *row = &rows[sqe->opcode];
  if (sqe->flags & ~FLAGS_KNOWN) return -EINVAL;
  if (sqe->flags & MR_SQE_FLAG_BUFFER_SELECT && !(row->traits & SELECTS)) return -EOPNOTSUPP;
  if (sqe->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS && row->traits & LOUD) return -EINVAL;
  if (sqe->ioprio & ~row->ioprio || (sqe->file_index && !(row->traits & HAS_INDEX))) return -EINVAL;
  if ((row->zero & NO_OFF && sqe->off) || (row->zero & NO_ADDR && sqe->addr) || (row->zero & NO_LEN && sqe->len) ||
      (row->zero & NO_GROUP && sqe->buf_group) || sqe->op_flags & ~row->op_flags)
    return -EINVAL;
  op->events = row->events;
  return row->prepare ? row->prepare(sim, op, sqe) : 0;
}

/** A chain with a mistake in it does not run at all: the mistake gets its error, the others -ECANCELED. */
static void refuse(struct sim *sim, struct sim_op *head, const struct sim_op *bad, int error) {
  bool silent = false;
  for (struct sim_op *op = head, *next; op; op = next) {
    next = op->link;
    if (!silent) sim_post(sim, op->user_data, op == bad ? error : -ECANCELED, 0);
    if (op == head && op->flags & MR_SQE_FLAG_CQE_SKIP_SUCCESS) silent = true;
    sim_op_free(sim, op);
  }
}

/** The chain (mostly of one) that begins at SQ index `at` → how many of at most `left` SQEs it took. */
static uint32_t submit(struct sim *sim, uint32_t at, uint32_t left) {
  struct sim_op *head = NULL, **tail = &head, *last = NULL, *bad = NULL;
  const struct mr_sqe *sqe;
  uint32_t taken = 0;
  int error = 0;
  do {
    sqe = &sim->loop->sqes[at++ & sim->loop->sq_mask];
    struct sim_op *op = sim_op_new(sim);
    int res = prepare(sim, op, sqe);
    if (!res && op->opcode == MR_OP_LINK_TIMEOUT && (!last || last->opcode == MR_OP_LINK_TIMEOUT)) res = -EINVAL;
    if (res && !error) {
      error = res;
      bad = op;
    }
    *tail = last = op;
    tail = &op->link;
  } while (++taken < left && sqe->flags & MR_SQE_FLAG_IO_LINK);
  if (error)
    refuse(sim, head, bad, error);
  else
    sim_run(sim, head);
  return taken;
}

uint32_t sim_submit(struct sim *sim, uint32_t count) {
  struct mr_loop *loop = sim->loop;
  uint32_t head = *loop->sq_head, pending = mr_sq_pending(loop);
  count = sim_min(count, sim_min(pending, loop->sq_mask + 1));
  for (uint32_t left = count; left;) {
    uint32_t taken = submit(sim, head, left);
    head += taken;
    left -= taken;
  }
  __atomic_store_n(loop->sq_head, head, __ATOMIC_RELEASE);
  return count;
}
