// A dense array of pollfd with an index by descriptor.
#include "pollset.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

static int grow(struct mr_pollset *set) {
  uint32_t capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY;
  struct pollfd *fds = realloc(set->fds, capacity * sizeof *fds);
  if (!fds) return -ENOMEM;
  set->fds = fds;
  uint32_t *generations = realloc(set->generations, capacity * sizeof *generations);
  if (!generations) return -ENOMEM;
  set->generations = generations;
  set->capacity = capacity;
  return 0;
}

static int grow_places(struct mr_pollset *set, uint32_t fd) {
  uint32_t count = set->place_count ? set->place_count : FIRST_CAPACITY;
  while (count <= fd) count *= 2;
  uint32_t *places = realloc(set->places, count * sizeof *places);
  if (!places) return -ENOMEM;
  memset(places + set->place_count, 0, (count - set->place_count) * sizeof *places);
  set->places = places;
  set->place_count = count;
  return 0;
}

int mr_pollset_open(struct mr_pollset *set) {
  int error = grow(set);
  if (error < 0) return error;
  for (; set->count < MR_WATCHED; set->count++) {
    set->fds[set->count] = (struct pollfd){-1, POLLIN, 0};
    set->generations[set->count] = 0;
  }
  return 0;
}

void mr_pollset_close(struct mr_pollset *set) {
  free(set->fds);
  free(set->generations);
  free(set->places);
}

static void drop(struct mr_pollset *set, uint32_t fd) {
  uint32_t place = fd < set->place_count ? set->places[fd] : 0;
  if (!place) return;
  set->places[fd] = 0;
  uint32_t last = --set->count;
  if (place == last) return;
  set->fds[place] = set->fds[last];
  set->generations[place] = set->generations[last];
  set->places[set->fds[place].fd] = place;
}

int mr_pollset_change(struct mr_pollset *set, uint32_t fd, uint32_t generation, uint32_t to) {
  if (!to) return drop(set, fd), 0;
  int error = fd < set->place_count ? 0 : grow_places(set, fd);
  if (error == 0 && !set->places[fd] && set->count == set->capacity) error = grow(set);
  if (error < 0) return error;
  if (!set->places[fd]) set->places[fd] = set->count++;
  set->fds[set->places[fd]] = (struct pollfd){(int)fd, (short)to, 0};
  set->generations[set->places[fd]] = generation;
  return 0;
}

void mr_pollset_watch(struct mr_pollset *set, uint32_t name, int fd) { set->fds[MR_WATCHED_AT(name)].fd = fd; }

int mr_pollset_report(struct mr_pollset *set, int found, struct mr_ready *out, int max) {
  int n = 0;
  uint32_t place = set->cursor < set->count ? set->cursor : 0;
  for (uint32_t left = set->count; left && found && n < max; left--) {
    const struct pollfd *entry = &set->fds[place];
    if (entry->revents && entry->fd >= 0) {
      out[n++] = (struct mr_ready){mr_pollset_name(set, place), set->generations[place], (uint16_t)entry->revents};
      found--;
    }
    if (++place == set->count) place = 0;
  }
  set->cursor = place;
  return n;
}
