// Descriptors: the table of numbers, what is ready, and the serving of ops whose file has changed.
#include "sim.h"

#define SLOTS_MIN 64u

struct sim_file *sim_file_at(const struct sim *sim, int fd) {
  return fd >= 0 && (uint32_t)fd < sim->file_slots ? sim->files[fd] : NULL;
}

static void storm_over(struct sim *sim, struct sim_event *event) {
  sim_wake(sim, SIM_OF(struct sim_file, storm, event), MR_POLLOUT);
}

int sim_file_open(struct sim *sim, int kind, struct sim_file **made) {
  uint32_t fd = SIM_FD_FIRST;
  while (fd < sim->file_slots && sim->files[fd]) fd++;
  if (fd >= sim->file_limit || sim_fault(sim, MR_SIM_FAULT_MFILE)) return -EMFILE;
  if (fd >= sim->file_slots) {
    sim->files = sim_grow(sim, sim->files, (fd + SLOTS_MIN) * sizeof *sim->files);
    sim->file_slots = (uint32_t)(sim_capacity(sim->files) / sizeof *sim->files);
  }
  struct sim_file *file = sim_alloc(sim, sizeof *file);
  file->kind = (uint8_t)kind;
  file->fd = (int32_t)fd;
  file->storm.fire = storm_over;
  sim->files[fd] = file;
  sim->stats[MR_SIM_STAT_DESCRIPTORS]++;
  *made = file;
  return (int)fd;
}

static void unready(struct sim *sim, struct sim_file *file) {
  struct sim_file **at = &sim->ready, *before = NULL;
  if (!file->ready) return;
  for (; *at != file; at = &(*at)->next_ready) before = *at;
  *at = file->next_ready;
  if (sim->ready_last == file) sim->ready_last = before;
  file->next_ready = NULL;
  file->ready = false;
  sim->ready_count--;
}

int sim_file_close(struct sim *sim, int fd) {
  struct sim_file *file = sim_file_at(sim, fd);
  if (!file) return -EBADF;
  while (file->ops) sim_cancel(sim, file->ops); // the number will mean something else
  sim_unschedule(sim, &file->storm);
  if (file->end) sim_end_leave(sim, file->end, file->options.linger_reset);
  if (file->listener) sim_listener_free(sim, file->listener);
  if (file->inode) sim_inode_release(sim, file->inode);
  sim_special_close(sim, file);
  unready(sim, file);
  sim->files[fd] = NULL;
  sim->stats[MR_SIM_STAT_DESCRIPTORS]--;
  sim_free(sim, file);
  return 0;
}

uint32_t sim_file_mask(struct sim *sim, const struct sim_file *file) {
  (void)sim;
  if (file->kind != SIM_SOCKET) return sim_special_mask(file);
  if (file->listener) return file->listener->first || file->shut ? MR_POLLIN : 0;
  if (!file->end) return MR_POLLOUT | SIM_POLLHUP;
  if (!file->end->conn->made) return file->end->error ? MR_POLLOUT | SIM_TROUBLE : 0;
  uint32_t mask = sim_end_mask(file->end);
  return file->storm.place ? mask & ~(uint32_t)MR_POLLOUT : mask;
}

void sim_wake(struct sim *sim, struct sim_file *file, uint32_t events) {
  file->woken |= events;
  if (file->ready) return;
  file->ready = true;
  sim->ready_count++;
  if (sim->ready)
    sim->ready_last->next_ready = file;
  else
    sim->ready = file;
  sim->ready_last = file;
}

/** Which of those that are ready comes next: the first, unless a fault says otherwise. */
static struct sim_file *next_ready(struct sim *sim) {
  struct sim_file *file = sim->ready;
  if (file->next_ready && sim_fault(sim, MR_SIM_FAULT_REORDER)) {
    uint32_t count = 1;
    for (const struct sim_file *each = file; (each = each->next_ready);) count++;
    for (uint64_t skip = sim_below(sim, count); skip; skip--) file = file->next_ready;
  }
  unready(sim, file);
  return file;
}

/** Serves the ops of one file, in the order of submission and at most as many as the CQ has room for. */
static void serve(struct sim *sim, struct sim_file *file) {
  uint32_t woken = file->woken, busy = 0;
  int32_t fd = file->fd;
  file->woken = 0;
  for (struct sim_op *op = file->ops, *next; op; op = next) {
    next = op->next;
    bool poll = op->opcode == MR_OP_POLL_ADD;
    if (poll ? !(woken & (op->events | SIM_TROUBLE)) : (op->events & busy) != 0) continue;
    if (!sim_room(sim)) {
      sim_wake(sim, file, woken);
      return;
    }
    uint32_t flags = 0;
    int res = sim_attempt(sim, op, &flags);
    if (res == SIM_WAIT) {
      if (!poll) busy |= op->events; // what still waits in this direction must not be overtaken
      continue;
    }
    if (!sim_finish(sim, op, res, flags)) continue;
    // A linked op ran: it may have closed this file or changed its list.
    if (sim_file_at(sim, fd) == file) sim_wake(sim, file, woken | SIM_LOOK);
    return;
  }
}

void sim_rest(struct sim *sim, struct sim_file *file) {
  file->rests = sim->pass;
  sim_wake(sim, file, SIM_LOOK);
}

void sim_serve(struct sim *sim) {
  for (uint32_t resting = 0; resting < sim->ready_count && sim_room(sim);) {
    struct sim_file *file = next_ready(sim);
    if (file->rests == sim->pass) {
      sim_wake(sim, file, 0);
      resting++;
      continue;
    }
    serve(sim, file);
    resting = 0;
  }
}
