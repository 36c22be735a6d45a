// Scenes: ops that do what they should, in their order, to their end.
#include "cases.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

void case_accepts(struct twin *t) {
  struct sockaddr_in at;
  int listener = twin_listener(t, &at);
  SQE(.opcode = MR_OP_ACCEPT, .fd = listener, .ioprio = MR_ACCEPT_MULTISHOT, .user_data = 100);
  for (int i = 0; i < 3; i++) {
    int fd = twin_own(t, socket(AF_INET, SOCK_STREAM, 0));
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) return;
    twin_wait(t, 1, SOON_MS);
  }
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 100, .user_data = 1);
  twin_wait(t, 2, SOON_MS);
  SQE(.opcode = MR_OP_ACCEPT, .fd = listener, .user_data = 101);
  twin_wait(t, 1, QUIET_MS);
  shutdown(listener, SHUT_RDWR);
  twin_wait(t, 1, SOON_MS);
}

void case_receives(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  RECEIVES(.fd = ends[0], .user_data = 1); // without a buffer
  twin_wait(t, 1, QUIET_MS);
  twin_provide(t, 2);
  twin_provide(t, 0);
  RECEIVES(.fd = ends[0], .user_data = 2);
  twin_wait(t, 0, 0);
  if (write(ends[1], "first", 5) != 5) return;
  twin_wait(t, 1, SOON_MS);
  if (write(ends[1], "second", 6) != 6) return;
  twin_wait(t, 1, SOON_MS);
  if (write(ends[1], "third", 5) != 5) return;
  twin_wait(t, 1, SOON_MS); // the buffers are gone
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = scratch(t), .len = 3, .user_data = 3);
  twin_wait(t, 1, SOON_MS);
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = scratch(t), .len = 8, .op_flags = MSG_WAITALL, .user_data = 4);
  twin_wait(t, 1, QUIET_MS);
  shutdown(ends[1], SHUT_WR);
  twin_wait(t, 1, SOON_MS);
  twin_provide(t, 1);
  RECEIVES(.fd = ends[0], .user_data = 5); // at its end
  twin_wait(t, 1, SOON_MS);
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .flags = SELECT, .buf_group = MR_BUF_GROUP, .len = 4, .user_data = 6);
  twin_wait(t, 1, SOON_MS);
}

void case_resets(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  twin_provide(t, 3);
  RECEIVES(.fd = ends[0], .user_data = 1);
  if (write(ends[1], "data", 4) != 4) return;
  twin_wait(t, 1, SOON_MS);
  struct linger reset = {1, 0};
  setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  twin_shut(t, ends[1]);
  twin_wait(t, 1, SOON_MS);
  SQE(.opcode = MR_OP_SEND, .fd = ends[0], .addr = scratch(t), .len = 1, .op_flags = MSG_NOSIGNAL, .user_data = 2);
  twin_wait(t, 1, SOON_MS);
}

void case_polls(struct twin *t) {
  int event = twin_own(t, eventfd(0, EFD_NONBLOCK));
  SQE(.opcode = MR_OP_POLL_ADD, .fd = event, .op_flags = POLLIN, .user_data = 1);
  SQE(.opcode = MR_OP_POLL_ADD, .fd = event, .op_flags = POLLIN | POLLOUT, .user_data = 2);
  twin_wait(t, 1, SOON_MS);
  eventfd_write(event, 1);
  twin_wait(t, 1, SOON_MS);
  eventfd_t value;
  eventfd_read(event, &value);
  SQE(.opcode = MR_OP_POLL_ADD, .fd = event, .op_flags = POLLIN, .len = MR_POLL_MULTISHOT, .user_data = 3);
  twin_wait(t, 1, QUIET_MS);
  for (int i = 0; i < 2; i++) {
    eventfd_write(event, 1);
    twin_wait(t, 1, SOON_MS);
    twin_wait(t, 1, QUIET_MS); // only changes
    eventfd_read(event, &value);
  }
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 3, .user_data = 4);
  twin_wait(t, 2, SOON_MS);
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) < 0) return;
  SQE(.opcode = MR_OP_POLL_ADD, .fd = twin_own(t, pipes[0]), .op_flags = POLLIN, .user_data = 5);
  twin_wait(t, 1, QUIET_MS);
  close(pipes[1]);
  twin_wait(t, 1, SOON_MS);
  int file = twin_own(t, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  SQE(.opcode = MR_OP_POLL_ADD, .fd = file, .op_flags = POLLIN | POLLPRI, .user_data = 6);
  twin_wait(t, 1, SOON_MS);
}

void case_reads(struct twin *t) {
  int blocking = twin_own(t, eventfd(0, 0)), other = twin_own(t, eventfd(0, EFD_NONBLOCK));
  SQE(.opcode = MR_OP_READ, .fd = blocking, .addr = scratch(t), .len = 8, .off = (uint64_t)-1, .user_data = 1);
  SQE(.opcode = MR_OP_READ, .fd = other, .addr = scratch(t), .len = 8, .off = (uint64_t)-1, .user_data = 2);
  twin_wait(t, 1, SOON_MS);
  eventfd_write(blocking, 1);
  twin_wait(t, 1, SOON_MS);
  int file = twin_own(t, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  SQE(.opcode = MR_OP_READ, .fd = file, .addr = scratch(t), .len = 64, .off = 4096, .user_data = 3);
  SQE(.opcode = MR_OP_WRITE, .fd = file, .addr = scratch(t), .len = 8, .user_data = 4);
  SQE(.opcode = MR_OP_SEND, .fd = file, .addr = scratch(t), .len = 8, .user_data = 5);
  SQE(.opcode = MR_OP_FSYNC, .fd = file, .op_flags = 1, .user_data = 6);
  twin_wait(t, 4, SOON_MS);
  int folder = twin_own(t, open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  SQE(.opcode = MR_OP_READ, .fd = folder, .addr = scratch(t), .len = 8, .user_data = 7);
  twin_wait(t, 1, SOON_MS);
}

void case_links(struct twin *t) {
  for (unsigned skip = 0; skip < 8; skip++) { // which of three skip their CQE
    uint8_t a = skip & 1 ? SKIP : 0, b = skip & 2 ? SKIP : 0, c = skip & 4 ? SKIP : 0;
    NOP(.flags = LINK | a, .user_data = 1);
    NOP(.flags = LINK | b, .user_data = 2);
    NOP(.flags = c, .user_data = 3);
    twin_wait(t, 3, QUIET_MS);
    SQE(.opcode = MR_OP_CLOSE, .fd = NOWHERE, .flags = LINK | a, .user_data = 1);
    NOP(.flags = LINK | b, .user_data = 2);
    NOP(.flags = c, .user_data = 3);
    twin_wait(t, 3, QUIET_MS);
    NOP(.flags = LINK | a, .user_data = 1);
    SQE(.opcode = MR_OP_CLOSE, .fd = NOWHERE, .flags = LINK | b, .user_data = 2);
    NOP(.flags = c, .user_data = 3);
    twin_wait(t, 3, QUIET_MS);
    NOP(.flags = LINK | a, .user_data = 1);
    SQE(.opcode = 255, .flags = LINK | b, .user_data = 2);
    NOP(.flags = c, .user_data = 3);
    twin_wait(t, 3, QUIET_MS);
  }
  SQE(.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 0, 1000), .len = 1, .flags = LINK, .user_data = 1);
  NOP(.user_data = 2);
  twin_wait(t, 2, SOON_MS);
  int file = twin_own(t, open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
  uint64_t at = address(twin_alloc(t, 60000));
  SQE(.opcode = MR_OP_READ, .fd = file, .addr = at, .len = 60000, .flags = LINK, .user_data = 1);
  NOP(.user_data = 2);
  twin_wait(t, 2, SOON_MS); // a short read breaks its chain
}

void case_link_timeouts(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  uint64_t soon = time_of(t, 0, 5000000), late = time_of(t, 10, 0), at = scratch(t);
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = at, .len = 1, .flags = LINK, .user_data = 1);
  SQE(.opcode = MR_OP_LINK_TIMEOUT, .addr = soon, .len = 1, .flags = LINK, .user_data = 2);
  NOP(.user_data = 3);
  twin_wait(t, 3, SOON_MS);
  if (write(ends[1], "xy", 2) != 2) return;
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = at, .len = 1, .flags = LINK, .user_data = 1);
  SQE(.opcode = MR_OP_LINK_TIMEOUT, .addr = late, .len = 1, .flags = LINK, .user_data = 2);
  NOP(.user_data = 3);
  twin_wait(t, 3, SOON_MS);
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = at, .len = 1, .flags = LINK, .user_data = 1);
  SQE(.opcode = MR_OP_LINK_TIMEOUT, .addr = late, .len = 1, .flags = LINK, .user_data = 2);
  SQE(.opcode = MR_OP_LINK_TIMEOUT, .addr = late, .len = 1, .user_data = 3);
  twin_wait(t, 3, SOON_MS);
  SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = at, .len = 2, .flags = LINK, .op_flags = MSG_WAITALL,
      .user_data = 1);
  SQE(.opcode = MR_OP_LINK_TIMEOUT, .addr = soon, .len = 1, .user_data = 2);
  twin_wait(t, 2, SOON_MS);
}

void case_cancels(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  twin_provide(t, 1);
  uint64_t at = scratch(t);
  RECEIVES(.fd = ends[0], .user_data = 1);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 1, .user_data = 2);
  twin_wait(t, 2, SOON_MS);
  for (int i = 0; i < 3; i++) SQE(.opcode = MR_OP_RECV, .fd = ends[0], .addr = at, .len = 1, .user_data = 3);
  twin_wait(t, 1, QUIET_MS);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 3, .user_data = 4);
  twin_wait(t, 2, SOON_MS);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .fd = ends[0], .op_flags = MR_CANCEL_FD | MR_CANCEL_ALL, .user_data = 5);
  twin_wait(t, 3, SOON_MS);
  SQE(.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 10, 0), .len = 1, .user_data = 6);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 6, .user_data = 7);
  twin_wait(t, 2, SOON_MS);
  SQE(.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 10, 0), .len = 1, .user_data = 8);
  SQE(.opcode = MR_OP_TIMEOUT_REMOVE, .addr = 8, .user_data = 9);
  twin_wait(t, 2, SOON_MS);
  SQE(.opcode = MR_OP_TIMEOUT, .addr = time_of(t, 10, 0), .len = 1, .off = 2, .user_data = 10);
  NOP(.user_data = 11);
  NOP(.user_data = 12);
  twin_wait(t, 3, SOON_MS);
  RECEIVES(.fd = ends[0], .user_data = 13);
  twin_wait(t, 1, QUIET_MS);
  SQE(.opcode = MR_OP_TIMEOUT_REMOVE, .addr = 13, .user_data = 14);
  twin_wait(t, 1, SOON_MS);
}
