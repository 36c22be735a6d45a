// The select poller: three bit sets, copied and scanned up to the highest descriptor on every wait. The sets end at
// FD_SETSIZE, so that descriptors from there on are refused before they come here; see limit.c and select(2).
#include "pollset.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/select.h>

enum { READ, WRITE, EXCEPT, SETS };

struct select {
  fd_set wanted[SETS];
  uint32_t generations[FD_SETSIZE];
  int highest; // the highest descriptor in any set, -1: none
  int watched[MR_WATCHED];
  int cursor; // where the next report begins
};

static bool in_any(const struct select *s, int fd) {
  return FD_ISSET(fd, &s->wanted[READ]) || FD_ISSET(fd, &s->wanted[WRITE]) || FD_ISSET(fd, &s->wanted[EXCEPT]);
}

static int select_open(void **state) {
  struct select *s = calloc(1, sizeof *s);
  if (!s) return -ENOMEM;
  for (int set = 0; set < SETS; set++) FD_ZERO(&s->wanted[set]);
  s->highest = -1;
  for (int i = 0; i < MR_WATCHED; i++) s->watched[i] = -1;
  *state = s;
  return 0;
}

static void assign(fd_set *set, int fd, bool in) {
  if (in)
    FD_SET(fd, set);
  else
    FD_CLR(fd, set);
}

/** A wish for hang-ups alone cannot be said here: the set of edges takes it. */
static int select_change(void *state, uint32_t name, uint32_t generation, uint32_t from, uint32_t to) {
  (void)from;
  struct select *s = state;
  int fd = (int)name;
  if (fd >= FD_SETSIZE) return to ? -EMFILE : 0;
  assign(&s->wanted[READ], fd, to & (POLLIN | POLLRDNORM));
  assign(&s->wanted[WRITE], fd, to & (POLLOUT | POLLWRNORM));
  assign(&s->wanted[EXCEPT], fd, to & POLLPRI);
  s->generations[fd] = generation;
  if (in_any(s, fd)) {
    if (fd > s->highest) s->highest = fd;
    return 0;
  }
  while (s->highest >= 0 && !in_any(s, s->highest)) s->highest--;
  return to ? -EOPNOTSUPP : 0;
}

static int select_watch(void *state, uint32_t name, int fd) {
  struct select *s = state;
  int *watched = &s->watched[MR_WATCHED_AT(name)];
  if (fd >= FD_SETSIZE) return -EMFILE;
  if (*watched >= 0) {
    FD_CLR(*watched, &s->wanted[READ]);
    while (s->highest >= 0 && !in_any(s, s->highest)) s->highest--;
  }
  *watched = fd;
  if (fd < 0) return 0;
  FD_SET(fd, &s->wanted[READ]);
  if (fd > s->highest) s->highest = fd;
  return 0;
}

static uint32_t name_of(const struct select *s, int fd) {
  for (uint32_t i = 0; i < MR_WATCHED; i++)
    if (s->watched[i] == fd) return UINT32_MAX - i;
  return (uint32_t)fd;
}

/** Somebody closed a descriptor that is in a set, and select does not say which. */
static int report_closed(const struct select *s, struct mr_ready *out, int max) {
  int n = 0;
  for (int fd = 0; fd <= s->highest && n < max; fd++)
    if (in_any(s, fd) && name_of(s, fd) == (uint32_t)fd && fcntl(fd, F_GETFD) < 0)
      out[n++] = (struct mr_ready){(uint32_t)fd, s->generations[fd], POLLNVAL};
  return n ? n : -EBADF;
}

static int report(struct select *s, const fd_set found[SETS], int left, struct mr_ready *out, int max) {
  int n = 0, fd = s->cursor <= s->highest ? s->cursor : 0;
  for (int looked = 0; looked <= s->highest && left > 0 && n < max; looked++) {
    uint32_t events = 0;
    if (FD_ISSET(fd, &found[READ])) events |= POLLIN | POLLRDNORM, left--;
    if (FD_ISSET(fd, &found[WRITE])) events |= POLLOUT | POLLWRNORM, left--;
    if (FD_ISSET(fd, &found[EXCEPT])) events |= POLLPRI, left--;
    if (events) {
      uint32_t name = name_of(s, fd);
      out[n++] = (struct mr_ready){name, name == (uint32_t)fd ? s->generations[fd] : 0, events};
    }
    if (++fd > s->highest) fd = 0;
  }
  s->cursor = fd;
  return n;
}

static int select_wait(void *state, struct mr_ready *out, int max, int64_t timeout_ns) {
  struct select *s = state;
  fd_set found[SETS] = {s->wanted[READ], s->wanted[WRITE], s->wanted[EXCEPT]};
  struct timespec time;
  struct timespec *timeout = mr_timespec(&time, timeout_ns);
  int n = pselect(s->highest + 1, &found[READ], &found[WRITE], &found[EXCEPT], timeout, NULL);
  if (n < 0) return errno == EBADF ? report_closed(s, out, max) : -errno;
  return report(s, found, n, out, max);
}

// hints: select says readable where poll says more, so that the answer to a poll is asked of poll
static const struct mr_poller poller = {
    .open = select_open,
    .close = free,
    .change = select_change,
    .watch = select_watch,
    .wait = select_wait,
    .fd_limit = FD_SETSIZE,
    .hints = true,
};

static int open_loop(struct mr_loop *loop) { return mr_readiness_open(loop, &poller); }

const struct mr_kernel mr_kernel_select = MR_READINESS_KERNEL("select", open_loop);
