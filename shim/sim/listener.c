// Listeners, and how a connection gets into the backlog of one: at once, later, or not at all.
#include "sim.h"

#define CONNECT_TIMEOUT_NS (127 * UINT64_C(1000000000)) // Linux with its default of six retries
#define PORT_LAST 60999u

struct sim_listener *sim_listener_at(struct sim *sim, uint16_t port, bool of_loop) {
  struct sim_listener *listener = sim->listeners;
  while (listener && (listener->port != port || (listener->file != NULL) != of_loop)) listener = listener->next;
  return listener;
}

struct sim_listener *sim_listener_new(struct sim *sim, struct sim_file *file, uint16_t port, uint32_t backlog) {
  struct sim_listener *listener = sim_alloc(sim, sizeof *listener), **at = &sim->listeners;
  *listener = (struct sim_listener){.file = file, .port = port, .backlog = backlog};
  while (*at) at = &(*at)->next;
  *at = listener;
  return listener;
}

bool sim_listener_full(const struct sim_listener *listener) { return listener->queued > listener->backlog; }

static void fail(struct sim *sim, struct sim_conn *conn, int error) {
  struct sim_end *client = &conn->ends[0];
  conn->listener = NULL;
  conn->waiting = false;
  sim_unschedule(sim, &conn->event);
  client->error = error;
  client->dead = true;
  conn->ends[1].gone = true;
  if (client->file) sim_wake(sim, client->file, MR_POLLIN | MR_POLLOUT | SIM_TROUBLE);
}

static void times_out(struct sim *sim, struct sim_event *event) {
  fail(sim, SIM_OF(struct sim_conn, event, event), -ETIMEDOUT);
}

/** The handshake stands still; nobody waits for ever. */
static int stall(struct sim *sim, struct sim_conn *conn) {
  conn->event.fire = times_out;
  sim_schedule(sim, &conn->event, sim->now + CONNECT_TIMEOUT_NS);
  return -EINPROGRESS;
}

static int step(struct sim *sim, struct sim_conn *conn) {
  struct sim_listener *listener = conn->listener;
  if (sim_partitioned(sim, conn)) return stall(sim, conn);
  if (!listener) {
    fail(sim, conn, -ECONNREFUSED);
    return -ECONNREFUSED;
  }
  conn->waiting = sim_listener_full(listener);
  if (conn->waiting) return stall(sim, conn);
  struct sim_end *server = &conn->ends[1];
  if (listener->last)
    listener->last->next = server;
  else
    listener->first = server;
  listener->last = server;
  listener->queued++;
  conn->made = true;
  if (listener->file) sim_wake(sim, listener->file, MR_POLLIN);
  if (conn->ends[0].file) sim_wake(sim, conn->ends[0].file, MR_POLLOUT);
  return 0;
}

static void step_fires(struct sim *sim, struct sim_event *event) { step(sim, SIM_OF(struct sim_conn, event, event)); }

void sim_handshake_again(struct sim *sim, struct sim_conn *conn, uint64_t at) {
  conn->event.fire = step_fires;
  sim_schedule(sim, &conn->event, at);
}

int sim_handshake(struct sim *sim, struct sim_conn *conn, struct sim_listener *listener) {
  conn->listener = listener;
  uint64_t latency = sim_latency(sim, conn);
  if (!latency) return step(sim, conn);
  sim_handshake_again(sim, conn, sim->now + latency);
  return -EINPROGRESS;
}

/** A place in the backlog is free: for the one that waits longest. */
static void admit(struct sim *sim, const struct sim_listener *listener) {
  for (struct sim_conn *conn = sim->conns; conn; conn = conn->next) {
    if (conn->listener != listener || !conn->waiting) continue;
    conn->waiting = false;
    sim_handshake_again(sim, conn, sim->now);
    return;
  }
}

struct sim_end *sim_listener_take(struct sim *sim, struct sim_listener *listener) {
  struct sim_end *end = listener->first;
  if (!end) return NULL;
  bool full = sim_listener_full(listener);
  listener->first = end->next;
  if (!listener->first) listener->last = NULL;
  listener->queued--;
  end->next = NULL;
  end->taken = true;
  end->conn->listener = NULL;
  if (full) admit(sim, listener);
  return end;
}

void sim_listener_free(struct sim *sim, struct sim_listener *listener) {
  struct sim_listener **at = &sim->listeners;
  while (*at != listener) at = &(*at)->next;
  *at = listener->next;
  for (struct sim_end *end; (end = sim_listener_take(sim, listener));) sim_end_close(sim, end, true);
  for (struct sim_conn *conn = sim->conns; conn; conn = conn->next) {
    if (conn->listener != listener) continue;
    conn->listener = NULL;
    conn->waiting = false;
    sim_handshake_again(sim, conn, sim->now);
  }
  sim_free(sim, listener);
}

bool sim_port_taken(const struct sim *sim, uint16_t port, const struct sim_file *except) {
  for (uint32_t i = 0; i < sim->file_slots; i++) {
    const struct sim_file *file = sim->files[i];
    if (!file || file == except || file->kind != SIM_SOCKET || file->port != port || file->end) continue;
    if (!(except && except->options.reuse_port && file->options.reuse_port)) return true;
  }
  for (const struct sim_listener *listener = sim->listeners; listener; listener = listener->next)
    if (!listener->file && listener->port == port) return true;
  return false;
}

uint16_t sim_port_free(struct sim *sim) {
  for (;;) {
    uint16_t port = sim->port_next;
    sim->port_next = (uint16_t)(port == PORT_LAST ? SIM_PORT_FIRST : port + 1u);
    if (!sim_port_taken(sim, port, NULL)) return port;
  }
}
