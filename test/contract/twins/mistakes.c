// Mistakes: wrong descriptors, arguments, addresses and states.
#include "cases.h"
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t refused_port(struct twin *t) {
  struct sockaddr_in *at = twin_alloc(t, sizeof *at);
  twin_shut(t, twin_listener(t, at));
  return address(at);
}

void case_bad_descriptors(struct twin *t) {
  uint64_t at = scratch(t), header = address(memset(twin_alloc(t, 56), 0, 56));
  const struct mr_sqe sqes[] = {
      {.opcode = MR_OP_RECV, .addr = at, .len = 8},
      {.opcode = MR_OP_RECV, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.opcode = MR_OP_SEND, .addr = at, .len = 8},
      {.opcode = MR_OP_SENDMSG, .addr = header, .len = 1},
      {.opcode = MR_OP_ACCEPT},
      {.opcode = MR_OP_CONNECT, .addr = refused_port(t), .off = 16},
      {.opcode = MR_OP_POLL_ADD, .op_flags = POLLIN},
      {.opcode = MR_OP_CLOSE},
      {.opcode = MR_OP_FSYNC},
      {.opcode = MR_OP_READ, .addr = at, .len = 8},
      {.opcode = MR_OP_WRITE, .addr = at, .len = 8},
      {.opcode = MR_OP_ASYNC_CANCEL, .op_flags = MR_CANCEL_FD},
  };
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0) return;
  twin_own(t, pipes[1]);
  const int fds[] = {NOWHERE, -1, twin_own(t, pipes[0])};
  for (size_t f = 0; f < 3; f++)
    for (size_t i = 0; i < sizeof sqes / sizeof *sqes; i++) {
      if (f == 2 && (sqes[i].opcode == MR_OP_CLOSE || sqes[i].opcode == MR_OP_POLL_ADD)) continue;
      struct mr_sqe sqe = sqes[i];
      sqe.fd = fds[f];
      sqe.user_data = i + 1;
      twin_submit(t, sqe);
      if (f == 2 && sqe.opcode == MR_OP_READ)
        twin_wait(t, 1, QUIET_MS); // waits, until the last of them cancels it
      else
        twin_wait(t, f == 2 && sqe.opcode == MR_OP_ASYNC_CANCEL ? 2 : 1, SOON_MS);
    }
}

void case_bad_arguments(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  uint64_t at = scratch(t);
  const struct mr_sqe sqes[] = {
      {.opcode = MR_OP_NOP, .ioprio = 1},
      {.opcode = MR_OP_NOP, .flags = 1 << 7},
      {.opcode = 255},
      {.opcode = MR_OP_NOP, .flags = SELECT},
      {.opcode = MR_OP_ACCEPT, .op_flags = 1},
      {.opcode = MR_OP_ACCEPT, .len = 1},
      {.opcode = MR_OP_ACCEPT},
      {.opcode = MR_OP_CONNECT, .addr = at, .off = 4096},
      {.opcode = MR_OP_CONNECT, .addr = at, .off = 16, .len = 1},
      {.opcode = MR_OP_CONNECT, .addr = refused_port(t), .off = 16},
      {.opcode = MR_OP_CONNECT, .addr = at, .off = 16, .flags = SELECT},
      {.opcode = MR_OP_RECV, .ioprio = MR_RECV_MULTISHOT, .addr = at, .len = 8},
      {.opcode = MR_OP_RECV, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = 1, .op_flags = MSG_WAITALL},
      {.opcode = MR_OP_RECV, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = 7},
      {.opcode = MR_OP_RECV, .flags = SELECT, .buf_group = 7, .len = 8},
      {.opcode = MR_OP_RECV, .addr = at, .len = 8, .op_flags = MSG_DONTWAIT},
      {.opcode = MR_OP_RECV, .addr = 8, .len = 8, .op_flags = MSG_DONTWAIT, .off = 1},
      {.opcode = MR_OP_POLL_ADD, .op_flags = POLLIN, .len = 64},
      {.opcode = MR_OP_POLL_ADD, .op_flags = POLLIN, .len = 1, .flags = SKIP},
      {.opcode = MR_OP_POLL_ADD, .op_flags = POLLIN, .addr = 1},
      {.opcode = MR_OP_CLOSE, .len = 1},
      {.opcode = MR_OP_FSYNC, .op_flags = 2},
      {.opcode = MR_OP_FSYNC},
      {.opcode = MR_OP_ASYNC_CANCEL, .addr = 1, .off = 1},
      {.opcode = MR_OP_ASYNC_CANCEL, .addr = 4711},
      {.opcode = MR_OP_ASYNC_CANCEL, .addr = 4711, .op_flags = MR_CANCEL_ALL},
      {.opcode = MR_OP_ASYNC_CANCEL, .op_flags = MR_CANCEL_FD},
      {.opcode = MR_OP_ASYNC_CANCEL, .op_flags = MR_CANCEL_FD | MR_CANCEL_ALL},
      {.opcode = MR_OP_TIMEOUT_REMOVE, .addr = 4711, .len = 1},
      {.opcode = MR_OP_TIMEOUT_REMOVE, .addr = 4711},
      {.opcode = MR_OP_TIMEOUT, .addr = time_of(t, -1, 0), .len = 1},
      {.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 0, 1), .len = 2},
      {.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 0, 1), .len = 1, .op_flags = 1 << 20},
      {.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 0, 1), .len = 1},
      {.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 1, 0), .len = 1, .op_flags = MR_TIMEOUT_ABS},
      {.opcode = MR_OP_LINK_TIMEOUT, .addr = time_of(t, 0, 1), .len = 1},
      {.opcode = MR_OP_SEND, .addr = at, .len = 0},
      {.opcode = MR_OP_SEND, .addr = at, .len = 8, .ioprio = 1 << 15},
      {.opcode = MR_OP_OPENAT, .fd = AT_FDCWD, .addr = address("/nowhere/at/all")},
      {.opcode = MR_OP_READ, .addr = at, .len = 8, .op_flags = 1 << 30},
  };
  for (size_t i = 0; i < sizeof sqes / sizeof *sqes; i++) {
    struct mr_sqe sqe = sqes[i];
    if (sqe.opcode == MR_OP_OPENAT)
      sqe.addr = address(strcpy(twin_alloc(t, 32), "/nowhere/at/all"));
    else if (sqe.opcode != MR_OP_NOP)
      sqe.fd = ends[0];
    sqe.user_data = i + 1;
    twin_submit(t, sqe);
    twin_wait(t, 1, SOON_MS);
  }
}

void case_bad_addresses(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  if (write(ends[1], "here", 4) != 4) return;
  const uint64_t places[] = {8, (uint64_t)-4096};
  for (size_t i = 0; i < 2; i++) {
    SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = places[i], .len = 8, .user_data = 1);
    SQE(.opcode = MR_OP_SEND, .fd = ends[0], .addr = places[i], .len = 8, .user_data = 2);
    SQE(.opcode = MR_OP_SENDMSG, .fd = ends[0], .addr = places[i], .len = 1, .user_data = 3);
    SQE(.opcode = MR_OP_CONNECT, .fd = ends[0], .addr = places[i], .off = 16, .user_data = 4);
    SQE(.opcode = MR_OP_TIMEOUT, .addr = places[i], .len = 1, .user_data = 5);
    SQE(.opcode = MR_OP_OPENAT, .fd = AT_FDCWD, .addr = places[i], .user_data = 6);
    twin_wait(t, 6, SOON_MS);
  }
  struct msghdr *header = memset(twin_alloc(t, sizeof *header), 0, sizeof *header);
  struct iovec *part = twin_alloc(t, sizeof *part);
  *part = (struct iovec){(void *)8, 8};
  header->msg_iov = part;
  header->msg_iovlen = 1;
  SQE(.opcode = MR_OP_SENDMSG, .fd = ends[0], .addr = address(header), .len = 1, .user_data = 1);
  twin_wait(t, 1, SOON_MS);
  header->msg_iovlen = 1025;
  SQE(.opcode = MR_OP_SENDMSG, .fd = ends[0], .addr = address(header), .len = 1, .user_data = 2);
  twin_wait(t, 1, SOON_MS);
}

void case_unconnected(struct twin *t) {
  struct sockaddr_in at;
  int listener = twin_listener(t, &at), fresh = twin_own(t, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  twin_provide(t, 0);
  const int fds[] = {listener, fresh};
  for (size_t i = 0; i < 2; i++) {
    RECEIVES(.fd = fds[i], .user_data = 1);
    twin_wait(t, 1, QUIET_MS);
    SQE(.opcode = MR_OP_RECV, .fd = fds[i], .addr = scratch(t), .len = 8, .user_data = 2);
    twin_wait(t, 1, QUIET_MS);
    SQE(.opcode = MR_OP_SEND, .fd = fds[i], .addr = scratch(t), .len = 8, .op_flags = MSG_NOSIGNAL, .user_data = 3);
    twin_wait(t, 1, QUIET_MS);
  }
  SQE(.opcode = MR_OP_ACCEPT, .fd = fresh, .ioprio = MR_ACCEPT_MULTISHOT, .user_data = 4);
  twin_wait(t, 1, QUIET_MS);
  SQE(.opcode = MR_OP_CONNECT, .fd = fresh, .addr = refused_port(t), .off = 16, .user_data = 5);
  twin_wait(t, 1, SOON_MS);
}
