// Zero-copy sends and their notifications, messages from ring to ring.
#include "cases.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define USAGE MR_SEND_ZC_REPORT_USAGE

void case_zero_copy(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  uint64_t at = scratch(t);
  struct msghdr *header = header_of(t, 2, 8);
  for (uint16_t usage = 0; usage <= USAGE; usage = (uint16_t)(usage + USAGE)) {
    SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 8, .ioprio = usage, .user_data = 1);
    twin_wait(t, 2, SOON_MS);
    SQE(.opcode = MR_OP_SENDMSG_ZC, .fd = ends[0], .addr = address(header), .len = 1, .ioprio = usage, .user_data = 2);
    twin_wait(t, 2, SOON_MS);
    SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 0, .ioprio = usage, .user_data = 3);
    twin_wait(t, 2, SOON_MS);
    SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 8, .flags = LINK, .ioprio = usage, .user_data = 4);
    NOP(.user_data = 5);
    twin_wait(t, 3, SOON_MS);
    SQE(.opcode = MR_OP_CLOSE, .fd = NOWHERE, .flags = LINK, .user_data = 6);
    SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 8, .ioprio = usage, .user_data = 7);
    twin_wait(t, 3, QUIET_MS);
  }
  // a send that has to wait, and then gets its way
  int small = 1 << 16;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  uint32_t big = 3 << 20;
  at = address(twin_alloc(t, big));
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = big, .op_flags = MSG_WAITALL, .user_data = 8);
  twin_wait(t, 1, QUIET_MS);
  static char sink[1 << 18];
  const ssize_t all = (ssize_t)big + 2 * (8 + 16 + 0 + 8);
  ssize_t got = 0;
  for (int idle = 0; got < all && idle < 2000;) {
    ssize_t n = recv(ends[1], sink, sizeof sink, MSG_DONTWAIT);
    got += n > 0 ? n : 0;
    idle = n > 0 ? 0 : idle + 1;
    if (n < 0) usleep(500);
    twin_settle(t);
  }
  twin_note(t, got == all ? " all" : " %zd", got);
  twin_wait(t, 2, SOON_MS);
  // cancelled while they wait for room
  for (int idle = 0; idle < 5; usleep(500)) idle = send(ends[0], sink, sizeof sink, MSG_DONTWAIT) > 0 ? 0 : idle + 1;
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = big, .ioprio = USAGE, .op_flags = MSG_WAITALL,
      .user_data = 10);
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = big, .flags = LINK, .user_data = 11);
  NOP(.user_data = 12);
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 1, .op_flags = MSG_DONTWAIT, .user_data = 14);
  twin_wait(t, 2, SOON_MS);
  for (uint64_t name = 10; name < 12; name++) SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = name, .user_data = 13);
  twin_wait(t, 7, SOON_MS);
  struct sockaddr_in to;
  udp_pair(t, ends, &to);
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[1], .addr = at, .len = 100, .ioprio = USAGE, .user_data = 9);
  twin_wait(t, 2, SOON_MS);
}

void case_bad_zero_copy(struct twin *t) {
  int ends[2], pipes[2], unix_ends[2], gone[2];
  twin_pair(t, ends);
  twin_pair(t, gone);
  if (pipe2(pipes, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, unix_ends)) return;
  for (int i = 0; i < 2; i++) twin_own(t, pipes[i]), twin_own(t, unix_ends[i]);
  shutdown(gone[0], SHUT_WR);
  uint64_t at = scratch(t);
  struct msghdr *header = header_of(t, 1, 8), *far = header_of(t, 1, 8), *many = header_of(t, 1, 8);
  far->msg_iov[0].iov_base = (void *)8;
  many->msg_iovlen = 1025;
  const struct mr_sqe sqes[] = {
      {.fd = NOWHERE},
      {.fd = pipes[1]},
      {.fd = unix_ends[0]},
      {.fd = gone[0]},
      {.fd = gone[0], .ioprio = USAGE},
      {.fd = ends[0], .flags = SKIP},
      {.fd = ends[0], .ioprio = 1 << 10},
      {.fd = ends[0], .ioprio = MR_RECV_MULTISHOT},
      {.fd = ends[0], .flags = SELECT},
      {.fd = ends[0], .addr = 8},
      {.fd = ends[0], .file_index = 1},
      {.fd = NOWHERE, .ioprio = USAGE},
  };
  for (int message = 0; message < 2; message++)
    for (size_t i = 0; i < sizeof sqes / sizeof *sqes; i++) {
      struct mr_sqe sqe = sqes[i];
      if (message ? sqe.ioprio == MR_RECV_MULTISHOT : sqe.file_index) continue; // vectors, the length of an address
      sqe.opcode = message ? MR_OP_SENDMSG_ZC : MR_OP_SEND_ZC;
      sqe.len = message ? 1 : 8;
      if (!sqe.addr) sqe.addr = message ? address(header) : at;
      sqe.user_data = i + 1;
      twin_submit(t, sqe);
      twin_wait(t, 2, QUIET_MS);
    }
  SQE(.opcode = MR_OP_SENDMSG_ZC, .fd = ends[0], .addr = address(far), .len = 1, .user_data = 20);
  twin_wait(t, 2, QUIET_MS);
  SQE(.opcode = MR_OP_SENDMSG_ZC, .fd = ends[0], .addr = address(many), .len = 1, .user_data = 21);
  twin_wait(t, 2, QUIET_MS);
  SQE(.opcode = MR_OP_SENDMSG_ZC, .fd = ends[0], .addr = address(header), .len = 1, .off = 1, .user_data = 22);
  twin_wait(t, 2, QUIET_MS);
  NOP(.flags = LINK, .user_data = 23); // in a chain with a mistake
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 8, .ioprio = 1 << 10, .flags = LINK, .user_data = 24);
  SQE(.opcode = MR_OP_SEND_ZC, .fd = ends[0], .addr = at, .len = 8, .user_data = 25);
  twin_wait(t, 5, QUIET_MS);
}

static void note_other(struct twin *t, unsigned count) {
  twin_wait(t->other, count, count ? SOON_MS : 0);
  twin_note(t, " (%s )", t->other->log);
  t->other->log[0] = 0;
}

void case_ring_messages(struct twin *t) {
  int ends[2], target = twin_name(t->other);
  twin_pair(t, ends);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 42, .off = 77, .user_data = 1);
  twin_wait(t, 1, SOON_MS);
  note_other(t, 1);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = (uint32_t)-5, .off = 78, .user_data = 2);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 1, .off = 79, .flags = SKIP, .user_data = 3);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 2, .off = 80, .op_flags = MR_MSG_RING_FLAGS_PASS,
      .file_index = MR_CQE_FLAG_MORE, .user_data = 4);
  twin_wait(t, 2, SOON_MS);
  note_other(t, 3);
  SQE(.opcode = MR_OP_MSG_RING, .fd = twin_name(t), .len = 3, .off = 50, .user_data = 5); // to itself
  twin_wait(t, 2, SOON_MS);
  const struct mr_sqe sqes[] = {
      {.fd = NOWHERE},
      {.fd = ends[0]},
      {.fd = target, .addr = 7},
      {.fd = target, .addr = 0, .op_flags = 1 << 5},
      {.fd = target, .buf_group = 1},
      {.fd = target, .file_index = 1},
      {.fd = target, .ioprio = 1},
      {.fd = target, .flags = SELECT},
      {.fd = ends[0], .op_flags = 1 << 5},
  };
  for (size_t i = 0; i < sizeof sqes / sizeof *sqes; i++) {
    struct mr_sqe sqe = sqes[i];
    sqe.opcode = MR_OP_MSG_RING;
    sqe.user_data = 10 + i;
    twin_submit(t, sqe);
    twin_wait(t, 1, SOON_MS);
  }
  note_other(t, 0);
  SQE(.opcode = MR_OP_CLOSE, .fd = NOWHERE, .flags = LINK, .user_data = 30);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 1, .off = 1, .user_data = 31);
  twin_wait(t, 2, SOON_MS);
  note_other(t, 0);
  SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 1, .off = 2, .flags = LINK, .user_data = 32);
  NOP(.user_data = 33);
  twin_wait(t, 2, SOON_MS);
  note_other(t, 1);
  // more than the CQ of the other holds: nothing is lost
  for (int i = 0; i < 300; i++) {
    SQE(.opcode = MR_OP_MSG_RING, .fd = target, .len = 1, .off = 3, .flags = SKIP, .user_data = 34);
    if (i % 50 == 49) twin_settle(t);
  }
  twin_settle(t);
  twin_note(t, " %u", twin_count(t->other, 300, SOON_MS));
}
