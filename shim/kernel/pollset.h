// A dense array of pollfd with an index by descriptor: what poll(2) works on, and what pollers that need a list of
// their descriptors keep.
#ifndef MR_POLLSET_H
#define MR_POLLSET_H

#include "readiness.h"

struct mr_pollset {
  struct pollfd *fds;    // the first MR_WATCHED are the kernel's own, -1 where there is none
  uint32_t *generations; // beside fds
  uint32_t *places;      // by descriptor: its place in fds, 0 for none
  uint32_t count, capacity, place_count;
  uint32_t cursor; // where the next report begins, so that a crowd at the front starves nobody
};

int mr_pollset_open(struct mr_pollset *set);
void mr_pollset_close(struct mr_pollset *set);
/** Adds, changes or, with no events, removes. */
int mr_pollset_change(struct mr_pollset *set, uint32_t fd, uint32_t generation, uint32_t to);
void mr_pollset_watch(struct mr_pollset *set, uint32_t name, int fd);
/** The entry of a descriptor, null for none. */
static inline struct pollfd *mr_pollset_at(const struct mr_pollset *set, uint32_t fd) {
  return fd < set->place_count && set->places[fd] ? &set->fds[set->places[fd]] : NULL;
}
/** The name of the entry at a place. */
static inline uint32_t mr_pollset_name(const struct mr_pollset *set, uint32_t place) {
  return place < MR_WATCHED ? UINT32_MAX - place : (uint32_t)set->fds[place].fd;
}
/** After a poll(2) that found `found` ready: reports them in turn, `max` at most → count. */
int mr_pollset_report(struct mr_pollset *set, int found, struct mr_ready *out, int max);

/** -1 ns for ever; the form of ppoll(2) and pselect(2). */
static inline struct timespec *mr_timespec(struct timespec *time, int64_t timeout_ns) {
  if (timeout_ns < 0) return NULL;
  *time = (struct timespec){(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
  return time;
}

#endif
