// Messages: into their iovecs, and into provided buffers behind a header; mistakes with them.
#include "cases.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct msghdr *header_of(struct twin *t, size_t parts, size_t part_bytes) {
  struct msghdr *header = memset(twin_alloc(t, sizeof *header), 0, sizeof *header);
  header->msg_iov = twin_alloc(t, 2 * sizeof(struct iovec));
  header->msg_iovlen = parts;
  for (size_t i = 0; i < parts; i++)
    header->msg_iov[i] = (struct iovec){memset(twin_alloc(t, part_bytes), 0, part_bytes), part_bytes};
  return header;
}

void udp_pair(struct twin *t, int ends[2], struct sockaddr_in *first) {
  socklen_t bytes = sizeof *first;
  *first = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < 2; i++) ends[i] = twin_own(t, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (bind(ends[0], (struct sockaddr *)first, bytes)) return;
  getsockname(ends[0], (struct sockaddr *)first, &bytes);
  if (connect(ends[1], (struct sockaddr *)first, bytes)) twin_note(t, " connect failed");
}

static void say(struct twin *t, int fd, const char *text) {
  if (send(fd, text, strlen(text), 0) != (ssize_t)strlen(text)) twin_note(t, " send failed");
}

static void receive_message(struct twin *t, int fd, const struct msghdr *header, uint32_t flags, uint64_t name) {
  SQE(.opcode = MR_OP_RECVMSG, .fd = fd, .addr = address(header), .len = 1, .op_flags = flags, .user_data = name);
}

static void receive_messages(struct twin *t, int fd, const struct msghdr *header, uint32_t flags, uint64_t name) {
  SQE(.opcode = MR_OP_RECVMSG, .fd = fd, .addr = address(header), .len = 1, .op_flags = flags,
      .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP, .user_data = name);
}

static void note_header(struct twin *t, const struct msghdr *header) {
  twin_note(t, " {name %u control %zu flags %x '%.8s'}", header->msg_namelen, header->msg_controllen,
            (unsigned)header->msg_flags, (char *)header->msg_iov[0].iov_base);
}

void case_messages(struct twin *t) {
  int ends[2], unix_ends[2];
  struct sockaddr_in at;
  udp_pair(t, ends, &at);
  struct msghdr *header = header_of(t, 2, 4);
  receive_message(t, ends[0], header, 0, 1);
  twin_wait(t, 1, QUIET_MS);
  say(t, ends[1], "abcdef");
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  twin_note(t, " %.2s", (char *)header->msg_iov[1].iov_base);
  header->msg_name = twin_alloc(t, 64);
  header->msg_namelen = 64;
  header->msg_iovlen = 1;
  receive_message(t, ends[0], header, 0, 2); // longer than its part
  twin_wait(t, 1, QUIET_MS);
  say(t, ends[1], "longer than four");
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  header->msg_namelen = 5;
  say(t, ends[1], "and again");
  receive_message(t, ends[0], header, MSG_TRUNC, 3);
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  say(t, ends[1], "");
  receive_message(t, ends[0], header, 0, 4); // empty
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  receive_message(t, ends[0], header, MSG_DONTWAIT, 5);
  twin_wait(t, 1, SOON_MS);
  receive_message(t, ends[0], header, 0, 6);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 6, .user_data = 7);
  twin_wait(t, 2, SOON_MS);
  header->msg_iovlen = 0;
  say(t, ends[1], "into nothing");
  receive_message(t, ends[0], header, 0, 8);
  twin_wait(t, 1, SOON_MS);

  twin_pair(t, ends); // streams
  header = header_of(t, 2, 4);
  receive_message(t, ends[0], header, MSG_WAITALL, 9);
  say(t, ends[1], "abc");
  twin_wait(t, 1, QUIET_MS);
  say(t, ends[1], "defghi");
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  receive_message(t, ends[0], header, 0, 10);
  twin_wait(t, 1, SOON_MS);
  shutdown(ends[1], SHUT_WR);
  receive_message(t, ends[0], header, 0, 11);
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);

  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, unix_ends)) return; // descriptors travel as control messages
  for (int i = 0; i < 2; i++) twin_own(t, unix_ends[i]);
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &unix_ends[0], sizeof(int));
  struct iovec part = {"with a file", 11};
  struct msghdr out = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (sendmsg(unix_ends[1], &out, 0) != 11) twin_note(t, " sendmsg failed");
  header = header_of(t, 1, 16);
  header->msg_controllen = sizeof control;
  header->msg_control = memset(twin_alloc(t, sizeof control), 0, sizeof control);
  receive_message(t, unix_ends[0], header, MSG_CMSG_CLOEXEC, 12);
  twin_wait(t, 1, SOON_MS);
  note_header(t, header);
  int passed = -1;
  memcpy(&passed, CMSG_DATA((struct cmsghdr *)header->msg_control), sizeof passed);
  twin_note(t, " %s", passed > 2 && fcntl(passed, F_GETFD) == FD_CLOEXEC ? "passed" : "lost");
  if (passed > 2) close(passed);
}

/** What lies in provided buffer `id`: the header, whether the sender is the one expected, the payload. */
static void note_buffer(struct twin *t, uint16_t id, uint32_t name_room, uint32_t control_room) {
  const uint8_t *at = t->buffer_bytes + id * BUFFER_BYTES;
  uint32_t fields[4];
  memcpy(fields, at, sizeof fields);
  twin_note(t, " {name %u control %u payload %u flags %x family %u '%.8s'}", fields[0], fields[1], fields[2], fields[3],
            name_room >= 2 ? at[16] : 0, (const char *)at + 16 + name_room + control_room);
}

void case_datagrams(struct twin *t) {
  int ends[2];
  struct sockaddr_in at;
  udp_pair(t, ends, &at);
  struct msghdr *header = header_of(t, 0, 0);
  header->msg_namelen = 16;
  receive_messages(t, ends[0], header, 0, 1); // without a buffer
  twin_wait(t, 1, QUIET_MS);
  for (uint16_t i = 0; i < 3; i++) twin_provide(t, i);
  receive_messages(t, ends[0], header, 0, 2);
  twin_wait(t, 0, 0);
  memset(header, 0xff, sizeof *header); // operands are stable after submission
  say(t, ends[1], "first");
  twin_wait(t, 1, SOON_MS);
  note_buffer(t, 0, 16, 0);
  say(t, ends[1], "the second one, which is longer than the room that is left for it");
  twin_wait(t, 1, SOON_MS);
  note_buffer(t, 1, 16, 0);
  say(t, ends[1], ""); // an empty one
  twin_wait(t, 1, SOON_MS);
  note_buffer(t, 2, 16, 0);
  say(t, ends[1], "no buffer");
  twin_wait(t, 1, QUIET_MS);
  twin_provide(t, 3);
  *header = (struct msghdr){.msg_namelen = 4}; // less room than the name takes
  receive_messages(t, ends[0], header, MSG_TRUNC, 3);
  twin_wait(t, 1, SOON_MS);
  note_buffer(t, 3, 4, 0);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 3, .user_data = 4);
  twin_wait(t, 2, QUIET_MS);
  twin_provide(t, 0);
  twin_provide(t, 1);
  say(t, ends[1], "xyz");
  SQE(.opcode = MR_OP_RECVMSG, .fd = ends[0], .addr = address(header), .len = 1, .flags = SELECT,
      .buf_group = MR_BUF_GROUP, .user_data = 5); // one shot, and no header in the buffer
  twin_wait(t, 1, SOON_MS);
  twin_note(t, " '%.3s'", (const char *)t->buffer_bytes);
  *header = (struct msghdr){.msg_controllen = 64, .msg_namelen = 16}; // no room for a payload, nor for the header
  say(t, ends[1], "what is too much");
  receive_messages(t, ends[0], header, 0, 6);
  twin_wait(t, 1, SOON_MS);
  *header = (struct msghdr){.msg_namelen = 48}; // just room for header and name
  receive_messages(t, ends[0], header, 0, 7);
  twin_wait(t, 1, SOON_MS);
  SQE(.opcode = MR_OP_ASYNC_CANCEL, .addr = 7, .user_data = 8);
  twin_wait(t, 2, QUIET_MS);
  twin_pair(t, ends); // a stream, to its end
  twin_provide(t, 2);
  twin_provide(t, 3);
  *header = (struct msghdr){0};
  say(t, ends[1], "stream");
  receive_messages(t, ends[0], header, 0, 9);
  twin_wait(t, 1, SOON_MS);
  shutdown(ends[1], SHUT_WR);
  twin_wait(t, 1, SOON_MS);
}

void case_bad_messages(struct twin *t) {
  int ends[2], pipes[2];
  struct sockaddr_in at;
  udp_pair(t, ends, &at);
  if (pipe2(pipes, O_CLOEXEC)) return;
  for (int i = 0; i < 2; i++) twin_own(t, pipes[i]);
  for (uint16_t i = 0; i < 2; i++) twin_provide(t, i);
  struct msghdr *header = header_of(t, 1, 8);
  uint64_t good = address(header);
  struct msghdr *two = header_of(t, 2, 8), *wild = header_of(t, 1, 8), *many = header_of(t, 1, 8);
  wild->msg_iov = (struct iovec *)8;
  many->msg_iovlen = 1025;
  struct msghdr *far = header_of(t, 1, 8), *negative = header_of(t, 1, 8);
  far->msg_iov[0].iov_base = (void *)8;
  negative->msg_namelen = UINT32_MAX;
  negative->msg_name = twin_alloc(t, 64);
  say(t, ends[1], "here");
  const struct mr_sqe sqes[] = {
      {.fd = NOWHERE, .addr = good},
      {.fd = pipes[0], .addr = good},
      {.fd = ends[0], .addr = 8},
      {.fd = ends[0], .addr = address(wild)},
      {.fd = ends[0], .addr = address(many)},
      {.fd = ends[0], .addr = address(negative)},
      {.fd = ends[0], .addr = good, .off = 1},
      {.fd = ends[0], .addr = good, .file_index = 1},
      {.fd = ends[0], .addr = good, .ioprio = MR_RECV_MULTISHOT},
      {.fd = ends[0], .addr = good, .ioprio = MR_RECV_BUNDLE, .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.fd = ends[0], .addr = good, .ioprio = 1 << 10},
      {.fd = ends[0], .addr = address(two), .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.fd = ends[0], .addr = address(two), .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.fd = ends[0],
       .addr = good,
       .ioprio = MR_RECV_MULTISHOT,
       .flags = SELECT,
       .buf_group = MR_BUF_GROUP,
       .op_flags = MSG_WAITALL},
      {.fd = ends[0], .addr = good, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = 7},
      {.fd = pipes[0], .addr = good, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.fd = NOWHERE, .addr = good, .ioprio = MR_RECV_MULTISHOT, .flags = SELECT, .buf_group = MR_BUF_GROUP},
      {.fd = ends[0], .addr = address(far)}, // last, because Linux takes the datagram all the same
  };
  for (size_t i = 0; i < sizeof sqes / sizeof *sqes; i++) {
    struct mr_sqe sqe = sqes[i];
    sqe.opcode = MR_OP_RECVMSG;
    sqe.len = 1;
    sqe.user_data = i + 1;
    twin_submit(t, sqe);
    twin_wait(t, 1, QUIET_MS);
  }
}
