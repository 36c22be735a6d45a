// What the machine's io_uring and an emulation must answer alike, case by case. Exit 77: io_uring is forbidden here.
#include "cases.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** Buffers that the case before left in the ring would be taken by this one. */
static void use_up_buffers(struct twin *t) {
  int ends[2];
  twin_pair(t, ends);
  for (int i = 0; i <= BUFFERS; i++) {
    if (write(ends[1], "x", 1) != 1) return;
    SQE(.opcode = MR_OP_RECV, .fd = ends[0], .flags = SELECT, .buf_group = MR_BUF_GROUP, .len = 1, .user_data = 1);
  }
  twin_wait(t, BUFFERS + 1, SOON_MS);
  twin_reset(t);
}

static const struct {
  const char *name;
  void (*play)(struct twin *t);
} cases[] = {
    {"bad descriptors", case_bad_descriptors},
    {"bad arguments", case_bad_arguments},
    {"bad addresses", case_bad_addresses},
    {"sockets that are not connected", case_unconnected},
    {"accepts", case_accepts},
    {"receives", case_receives},
    {"resets", case_resets},
    {"polls", case_polls},
    {"reads and writes", case_reads},
    {"links", case_links},
    {"link timeouts", case_link_timeouts},
    {"cancels", case_cancels},
    {"messages", case_messages},
    {"datagrams", case_datagrams},
    {"bad messages", case_bad_messages},
    {"zero-copy sends", case_zero_copy},
    {"bad zero-copy sends", case_bad_zero_copy},
    {"messages between rings", case_ring_messages},
};

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0); // what hangs shows where
  static struct twin real = {.name = "io_uring"}, emulation = {.name = "epoll"}, real_other, emulation_other;
  int r = twin_open_real(&real);
  if (r < 0) {
    printf("io_uring_setup: %s\n", strerror(-r));
    return 77;
  }
  if (twin_open_emulation(&emulation, MR_KERNEL_EPOLL) < 0) return 1;
  if (twin_open_real(&real_other) < 0 || twin_open_emulation(&emulation_other, MR_KERNEL_EPOLL) < 0) return 1;
  real.other = &real_other;
  emulation.other = &emulation_other;
  int different = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct twin *twins[] = {&real, &emulation};
    for (size_t j = 0; j < 2; j++) {
      twin_reset(twins[j]->other);
      twin_reset(twins[j]);
      use_up_buffers(twins[j]);
      cases[i].play(twins[j]);
    }
    bool same = strcmp(real.log, emulation.log) == 0;
    printf("%s %s\n", same ? "same" : "DIFFERENT", cases[i].name);
    if (!same) printf("  io_uring%s\n  epoll   %s\n", real.log, emulation.log);
    different += !same;
  }
  twin_close(&emulation_other);
  twin_close(&real_other);
  twin_close(&emulation);
  twin_close(&real);
  return different > 0;
}
