// The signal-driven poller: descriptors announce themselves with a queued real-time signal, and a signalfd is what the
// loop waits on. See fcntl(2): O_ASYNC, F_SETSIG, F_SETOWN_EX; signalfd(2). The signals are directed at the thread of
// the loop and blocked there only, so that no handler of the host's ever runs for them. When the queue of signals is
// full (RLIMIT_SIGPENDING) the kernel sends SIGIO instead, and one poll(2) of every descriptor makes up for what was
// lost.
#include "pollset.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS_MAX 64 // read at a time

struct signals {
  struct mr_pollset set; // every armed descriptor
  int fd;                // the signalfd
  int number;            // the signal of this loop
  pid_t thread;
  bool was_open;      // it was not blocked before
  uint32_t overflows; // of the thread, as far as this loop has made up for them
  uint32_t *fresh;    // descriptors to be asked once, since nobody signals what was there before
  uint32_t fresh_count, fresh_capacity;
  uint32_t *slots; // by descriptor: where in this batch it is reported; only true where the batch says so too
  uint32_t slot_count;
  struct pollfd *asked; // the wait: the signalfd, the watched descriptors, the fresh ones
  uint32_t asked_capacity;
  uint32_t scan;   // after an overflow: the next place to report from, 0: none
  bool overflowed; // everything must be looked at, for a reason of this loop's own
  struct signalfd_siginfo infos[SIGNALS_MAX];
};

// The loops of one thread share its signal mask and SIGIO. Each has a signal of its own, from the top: the lowest
// real-time signals are what programs use themselves.
static __thread struct {
  uint64_t taken;
  uint32_t loops, overflows;
  bool io_was_open; // SIGIO was not blocked before the first of them
} thread;

static int take_number(void) {
  for (int number = SIGRTMAX; number > SIGRTMIN; number--) {
    uint64_t bit = UINT64_C(1) << (SIGRTMAX - number);
    if (thread.taken & bit) continue;
    thread.taken |= bit;
    return number;
  }
  return -EUSERS;
}

static pid_t this_thread(void) { return (pid_t)syscall(SYS_gettid); }

static int block(struct signals *s) {
  sigset_t mask, former;
  sigemptyset(&mask);
  sigaddset(&mask, s->number);
  sigaddset(&mask, SIGIO);
  pthread_sigmask(SIG_BLOCK, &mask, &former);
  s->was_open = !sigismember(&former, s->number);
  if (!thread.loops++) thread.io_was_open = !sigismember(&former, SIGIO);
  s->overflows = thread.overflows;
  s->fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  return s->fd < 0 ? -errno : 0;
}

/** Signals that are left are taken, not delivered: their default is to end the process. */
static void unblock(struct signals *s) {
  if (this_thread() != s->thread) return;
  sigset_t ours, open;
  sigemptyset(&ours);
  sigemptyset(&open);
  sigaddset(&ours, s->number);
  if (s->was_open) sigaddset(&open, s->number);
  if (!--thread.loops) {
    sigaddset(&ours, SIGIO);
    if (thread.io_was_open) sigaddset(&open, SIGIO);
  }
  while (sigtimedwait(&ours, NULL, &(struct timespec){0, 0}) > 0) continue;
  pthread_sigmask(SIG_UNBLOCK, &open, NULL);
  thread.taken &= ~(UINT64_C(1) << (SIGRTMAX - s->number));
}

static void disown(uint32_t fd) {
  int flags = fcntl((int)fd, F_GETFL);
  if (flags >= 0 && flags & O_ASYNC) fcntl((int)fd, F_SETFL, flags & ~O_ASYNC);
}

static void signal_close(void *state) {
  struct signals *s = state;
  for (uint32_t place = MR_WATCHED; place < s->set.count; place++) disown((uint32_t)s->set.fds[place].fd);
  if (s->fd >= 0) close(s->fd);
  unblock(s);
  mr_pollset_close(&s->set);
  free(s->fresh);
  free(s->slots);
  free(s->asked);
  free(s);
}

static int signal_open(void **state) {
  struct signals *s = calloc(1, sizeof *s);
  if (!s) return -ENOMEM;
  s->thread = this_thread();
  s->number = take_number();
  if (s->number < 0) {
    int error = s->number;
    free(s);
    return error;
  }
  int error = block(s);
  if (error == 0) error = mr_pollset_open(&s->set);
  if (error < 0) signal_close(s);
  *state = s;
  return error;
}

/** 0, or -EOPNOTSUPP for files that raise no signals, such as an eventfd: there O_ASYNC does not stay. */
static int own(const struct signals *s, int fd) {
  struct f_owner_ex owner = {F_OWNER_TID, s->thread};
  if (fcntl(fd, F_SETSIG, s->number) < 0 || fcntl(fd, F_SETOWN_EX, &owner) < 0) return -errno;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_ASYNC) < 0) return -errno;
  return fcntl(fd, F_GETFL) & O_ASYNC ? 0 : -EOPNOTSUPP;
}

static int grow_fresh(struct signals *s) {
  uint32_t capacity = s->fresh_capacity ? s->fresh_capacity * 2 : 64;
  uint32_t *fresh = realloc(s->fresh, capacity * sizeof *fresh);
  if (!fresh) return -ENOMEM;
  s->fresh = fresh;
  struct pollfd *asked = realloc(s->asked, (capacity + 1 + MR_WATCHED) * sizeof *asked);
  if (!asked) return -ENOMEM;
  s->asked = asked;
  s->fresh_capacity = capacity;
  return 0;
}

static int ask_once(struct signals *s, uint32_t fd) {
  int error = s->fresh_count < s->fresh_capacity ? 0 : grow_fresh(s);
  if (error == 0) s->fresh[s->fresh_count++] = fd;
  return error;
}

static int signal_change(void *state, uint32_t fd, uint32_t generation, uint32_t from, uint32_t to) {
  struct signals *s = state;
  if (s->scan) s->overflowed = true; // places move: the scan begins again
  if (!to) {
    if (from) disown(fd);
    return mr_pollset_change(&s->set, fd, generation, 0);
  }
  int error = from ? 0 : own(s, (int)fd);
  if (error == 0) error = mr_pollset_change(&s->set, fd, generation, to);
  return error < 0 ? error : ask_once(s, fd);
}

static int signal_watch(void *state, uint32_t name, int fd) {
  struct signals *s = state;
  mr_pollset_watch(&s->set, name, fd);
  return 0;
}

/** Adds what happened to a descriptor to the batch of `n` reports → how many there are now. */
static int add(struct signals *s, struct mr_ready *out, int n, uint32_t fd, uint32_t events) {
  const struct pollfd *entry = mr_pollset_at(&s->set, fd);
  if (!entry) return n; // a signal from the time before it was closed
  if (fd >= s->slot_count) {
    uint32_t *slots = realloc(s->slots, s->set.place_count * sizeof *slots);
    if (!slots) return s->overflowed = true, n;
    memset(slots + s->slot_count, 0, (s->set.place_count - s->slot_count) * sizeof *slots);
    s->slots = slots;
    s->slot_count = s->set.place_count;
  }
  uint32_t slot = s->slots[fd];
  if (slot < (uint32_t)n && out[slot].fd == fd) {
    out[slot].events |= events | MR_END; // more than one thing: the end may be behind the bytes
    return n;
  }
  s->slots[fd] = (uint32_t)n;
  out[n] = (struct mr_ready){fd, s->set.generations[entry - s->set.fds], events};
  return n + 1;
}

/** Reads signals into the batch. Each is one event of one descriptor. */
static int read_signals(struct signals *s, struct mr_ready *out, int n, int max) {
  while (n < max) {
    int room = max - n < SIGNALS_MAX ? max - n : SIGNALS_MAX;
    ssize_t bytes = read(s->fd, s->infos, (size_t)room * sizeof *s->infos);
    int count = bytes < 0 ? 0 : (int)((size_t)bytes / sizeof *s->infos);
    for (int i = 0; i < count; i++) {
      const struct signalfd_siginfo *info = &s->infos[i];
      if (info->ssi_signo == SIGIO)
        thread.overflows++;
      else if (info->ssi_code > 0) // from the kernel about a file, not from somebody's sigqueue
        n = add(s, out, n, (uint32_t)info->ssi_fd, info->ssi_band);
    }
    if (count < room) break;
  }
  return n;
}

/** After an overflow: one look at everything, reported in as many waits as it takes. */
static int report_all(struct signals *s, struct mr_ready *out, int n, int max) {
  if (s->overflowed || s->overflows != thread.overflows) {
    s->overflowed = false;
    s->overflows = thread.overflows;
    if (poll(&s->set.fds[MR_WATCHED], s->set.count - MR_WATCHED, 0) < 0) return s->overflowed = true, n;
    s->scan = MR_WATCHED;
  }
  for (; s->scan < s->set.count && n < max; s->scan++) {
    const struct pollfd *entry = &s->set.fds[s->scan];
    if (entry->revents) n = add(s, out, n, (uint32_t)entry->fd, (uint16_t)entry->revents | MR_END);
  }
  if (s->scan >= s->set.count) s->scan = 0;
  return n;
}

static uint32_t prepare_wait(struct signals *s) {
  s->asked[0] = (struct pollfd){s->fd, POLLIN, 0};
  uint32_t count = 1;
  for (; count <= MR_WATCHED; count++) s->asked[count] = s->set.fds[count - 1];
  for (uint32_t i = 0; i < s->fresh_count; i++) {
    const struct pollfd *entry = mr_pollset_at(&s->set, s->fresh[i]);
    s->asked[count++] = entry ? *entry : (struct pollfd){-1, 0, 0};
  }
  return count;
}

static int signal_wait(void *state, struct mr_ready *out, int max, int64_t timeout_ns) {
  struct signals *s = state;
  if (!s->asked && grow_fresh(s) < 0) return -ENOMEM;
  uint32_t count = prepare_wait(s);
  struct timespec time;
  bool behind = s->scan || s->overflowed || s->overflows != thread.overflows;
  int found = ppoll(s->asked, count, mr_timespec(&time, behind ? 0 : timeout_ns), NULL);
  if (found < 0) return -errno;
  int n = 0;
  for (uint32_t i = 0; i < MR_WATCHED && n < max; i++)
    if (s->asked[i + 1].revents) out[n++] = (struct mr_ready){UINT32_MAX - i, 0, (uint16_t)s->asked[i + 1].revents};
  uint32_t kept = 0;
  for (uint32_t i = 0; i < s->fresh_count; i++) {
    const struct pollfd *entry = &s->asked[1 + MR_WATCHED + i];
    if (n == max)
      s->fresh[kept++] = s->fresh[i];
    else if (entry->revents)
      n = add(s, out, n, s->fresh[i], (uint16_t)entry->revents);
  }
  s->fresh_count = kept;
  if (s->asked[0].revents) n = read_signals(s, out, n, max);
  return s->scan || s->overflowed || s->overflows != thread.overflows ? report_all(s, out, n, max) : n;
}

static const struct mr_poller poller = {
    .open = signal_open,
    .close = signal_close,
    .change = signal_change,
    .watch = signal_watch,
    .wait = signal_wait,
    .edge = true,
    .has_edge = true,
    .hints = true, // a signal tells of the time it was sent
};

static int open_loop(struct mr_loop *loop) { return mr_readiness_open(loop, &poller); }

/** What we shut down ourselves raises no signal; whoever waits for the socket has to look. */
static bool run_calls(struct mr_loop *loop, struct mr_call_record *records, uint32_t count) {
  bool sleep = mr_calls_run(loop, records, count);
  struct mr_readiness *r = loop->state;
  struct signals *s = r->poller_state;
  for (uint32_t i = 0; i < count; i++) {
    bool shut = records[i].op == MR_CALL_SHUTDOWN && records[i].result == 0;
    if (shut && mr_pollset_at(&s->set, (uint32_t)records[i].fd) && ask_once(s, (uint32_t)records[i].fd) < 0)
      s->overflowed = true;
  }
  return sleep;
}

const struct mr_kernel mr_kernel_signal = {
    .name = "signal",
    .open = open_loop,
    .enter = mr_readiness_enter,
    .calls = run_calls,
    MR_READINESS_FUNCTIONS,
};
