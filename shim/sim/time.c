// Virtual time: a heap of events by their time, and among equals by the order in which they were scheduled.
#include "sim.h"

static bool before(const struct sim_event *a, const struct sim_event *b) {
  return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void put(struct sim *sim, uint32_t at, struct sim_event *event) {
  sim->events[at] = event;
  event->place = at + 1;
}

static void sift(struct sim *sim, uint32_t at, struct sim_event *event) {
  for (; at > 0 && before(event, sim->events[(at - 1) / 2]); at = (at - 1) / 2) put(sim, at, sim->events[(at - 1) / 2]);
  for (uint32_t child = 2 * at + 1; child < sim->event_count; child = 2 * at + 1) {
    if (child + 1 < sim->event_count && before(sim->events[child + 1], sim->events[child])) child++;
    if (before(event, sim->events[child])) break;
    put(sim, at, sim->events[child]);
    at = child;
  }
  put(sim, at, event);
}

void sim_schedule(struct sim *sim, struct sim_event *event, uint64_t at) {
  sim_unschedule(sim, event);
  event->at = at;
  event->order = sim->order++;
  sim->events = sim_grow(sim, sim->events, (sim->event_count + 1) * sizeof(struct sim_event *));
  sift(sim, sim->event_count++, event);
}

void sim_unschedule(struct sim *sim, struct sim_event *event) {
  if (!event->place) return;
  uint32_t at = event->place - 1;
  event->place = 0;
  struct sim_event *last = sim->events[--sim->event_count];
  if (last != event) sift(sim, at, last);
}

uint64_t sim_next_event(const struct sim *sim) { return sim->event_count ? sim->events[0]->at : SIM_NEVER; }

bool sim_step(struct sim *sim, uint64_t until) {
  uint64_t at = sim_next_event(sim);
  if (at > until || at == SIM_NEVER) {
    if (until != SIM_NEVER && until > sim->now) sim->now = until;
    return false;
  }
  if (at > sim->now) sim->now = at;
  // What an event schedules for this very moment is done in this step too: it cannot go on for ever, since each such
  // event moves bytes, or ends an op.
  while (sim_next_event(sim) <= sim->now) {
    struct sim_event *event = sim->events[0];
    sim_unschedule(sim, event);
    event->fire(sim, event);
  }
  return true;
}
