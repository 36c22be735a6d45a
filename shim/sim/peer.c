// Peers: the far ends of connections, as the harness plays them.
#include "sim.h"

#define PEERS_MIN 16u
#define WINDOW_BYTES_MIN 2u

struct sim *sim_of(int handle) {
  struct mr_loop *loop = mr_loop_at(handle);
  if (!loop || loop->kernel != &mr_kernel_sim) return NULL;
  struct sim *sim = loop->state;
  sim_pass(sim, sim->now); // what is due has happened before anybody looks or acts
  return sim;
}

struct sim_end *sim_peer_at(const struct sim *sim, int peer) {
  return peer > 0 && (uint32_t)peer < sim->peer_slots ? sim->peers[peer] : NULL;
}

/** Gives an end to the harness, under the lowest free number from 1 on. */
static int add(struct sim *sim, struct sim_end *end) {
  uint32_t peer = 1;
  while (peer < sim->peer_slots && sim->peers[peer]) peer++;
  if (peer >= sim->peer_slots) {
    sim->peers = sim_grow(sim, sim->peers, (peer + PEERS_MIN) * sizeof *sim->peers);
    sim->peer_slots = (uint32_t)(sim_capacity(sim->peers) / sizeof *sim->peers);
  }
  sim->peers[peer] = end;
  end->peer = (int32_t)peer;
  end->taken = true;
  sim->stats[MR_SIM_STAT_PEERS]++;
  return (int)peer;
}

void sim_peer_remove(struct sim *sim, struct sim_end *end) {
  sim->peers[end->peer] = NULL;
  sim->stats[MR_SIM_STAT_PEERS]--;
  end->peer = 0;
}

static bool is_port(int port) { return port > 0 && port <= UINT16_MAX; }

int mr_sim_connect(int loop, int port) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (!is_port(port)) return -EINVAL;
  struct sim_listener *listener = sim_listener_at(sim, (uint16_t)port, true);
  if (!listener) return -ECONNREFUSED;
  struct sim_conn *conn = sim_conn_new(sim, sim_port_free(sim), (uint16_t)port, true);
  if (sim_listener_full(listener) || sim_partitioned(sim, conn)) {
    sim_conn_free(sim, conn);
    return -EAGAIN;
  }
  sim_handshake(sim, conn, listener);
  return add(sim, &conn->ends[0]);
}

int mr_sim_listen(int loop, int port, int backlog) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (!is_port(port) || backlog < 0) return -EINVAL;
  if (sim_port_taken(sim, (uint16_t)port, NULL)) return -EADDRINUSE;
  sim_listener_new(sim, NULL, (uint16_t)port, (uint32_t)backlog);
  return 0;
}

int mr_sim_unlisten(int loop, int port) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  struct sim_listener *listener = is_port(port) ? sim_listener_at(sim, (uint16_t)port, false) : NULL;
  if (!listener) return -ENOENT;
  sim_listener_free(sim, listener);
  return 0;
}

int mr_sim_accept(int loop, int port) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  struct sim_listener *listener = is_port(port) ? sim_listener_at(sim, (uint16_t)port, false) : NULL;
  if (!listener) return -EINVAL;
  struct sim_end *end = sim_listener_take(sim, listener);
  return end ? add(sim, end) : -EAGAIN;
}

/** The end behind a peer's number, or null and the error. */
static struct sim_end *end_of(int loop, int peer, struct sim **sim, int *error) {
  *sim = sim_of(loop);
  struct sim_end *end = *sim ? sim_peer_at(*sim, peer) : NULL;
  *error = end ? 0 : -EBADF;
  return end;
}

static uint8_t *bytes_at(const struct sim *sim, uint32_t at, uint32_t length) {
  const struct mr_loop *loop = sim->loop;
  return at <= loop->bytes && length <= loop->bytes - at ? loop->base + at : NULL;
}

int mr_sim_send(int loop, int peer, uint32_t at, uint32_t length) {
  struct sim *sim;
  int error;
  struct sim_end *end = end_of(loop, peer, &sim, &error);
  if (!end) return error;
  const uint8_t *bytes = bytes_at(sim, at, length);
  if (!bytes || length > INT32_MAX) return -EFAULT;
  if (!end->conn->made && !end->error) return -EAGAIN;
  return sim_end_send(sim, end, bytes, length);
}

int mr_sim_recv(int loop, int peer, uint32_t at, uint32_t capacity) {
  struct sim *sim;
  int error;
  struct sim_end *end = end_of(loop, peer, &sim, &error);
  if (!end) return error;
  uint8_t *bytes = bytes_at(sim, at, capacity);
  if (!bytes || capacity > INT32_MAX) return -EFAULT;
  int n = sim_end_recv(sim, end, bytes, capacity);
  if (n > 0) sim_digest(sim, bytes, (uint32_t)n);
  return n;
}

int mr_sim_shutdown(int loop, int peer) {
  struct sim *sim;
  int error;
  struct sim_end *end = end_of(loop, peer, &sim, &error);
  if (end) sim_end_shutdown(sim, end, false, true);
  return error;
}

int mr_sim_reset(int loop, int peer) {
  struct sim *sim;
  int error;
  struct sim_end *end = end_of(loop, peer, &sim, &error);
  if (end) sim_end_reset(sim, end);
  return error;
}

int mr_sim_close(int loop, int peer) {
  struct sim *sim;
  int error;
  struct sim_end *end = end_of(loop, peer, &sim, &error);
  if (end) sim_end_leave(sim, end, false);
  return error;
}

int mr_sim_partition(int loop, int port, int on) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (port < 0 || port > UINT16_MAX) return -EINVAL;
  if (on)
    sim_partition_set(sim, (uint16_t)port, SIM_NEVER);
  else
    sim_partition_heal(sim, (uint16_t)port);
  return 0;
}

int mr_sim_window(int loop, uint32_t bytes) {
  struct sim *sim = sim_of(loop);
  if (!sim) return -EBADF;
  if (bytes < WINDOW_BYTES_MIN || bytes > INT32_MAX) return -EINVAL;
  sim->window = bytes;
  return 0;
}
