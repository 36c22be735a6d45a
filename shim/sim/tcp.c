// Connections: what one end does and the other sees, in the order of the wire; partitions, and connections that break.
#include "sim.h"

#define LATENCY_NS (20 * SIM_US)
#define JITTER_NS (180 * SIM_US)
#define PIECES_MAX 4u

static void arrive(struct sim *sim, struct sim_event *event);

static void end_init(struct sim_conn *conn, struct sim_end *end, uint16_t port) {
  end->conn = conn;
  end->port = port;
  end->in.event.fire = arrive;
}

struct sim_conn *sim_conn_new(struct sim *sim, uint16_t client_port, uint16_t server_port, bool outside) {
  struct sim_conn *conn = sim_alloc(sim, sizeof *conn);
  end_init(conn, &conn->ends[0], client_port);
  end_init(conn, &conn->ends[1], server_port);
  conn->port = server_port;
  conn->outside = outside;
  conn->window = sim->window;
  sim_windows_set(conn);
  conn->previous = sim->conns_last;
  if (sim->conns_last)
    sim->conns_last->next = conn;
  else
    sim->conns = conn;
  sim->conns_last = conn;
  return conn;
}

/** Half of a direction's window is the sender's buffer, half the receiver's, until an option says otherwise. */
void sim_windows_set(struct sim_conn *conn) {
  for (uint32_t i = 0; i < 2; i++) {
    const struct sim_file *to = conn->ends[i].file, *from = conn->ends[1 - i].file;
    uint32_t half = conn->window / 2;
    uint32_t sends = from && from->options.send_bytes ? from->options.send_bytes : half;
    uint32_t receives = to && to->options.receive_bytes ? to->options.receive_bytes : half;
    conn->ends[i].in.window = sends + receives;
  }
}

void sim_conn_free(struct sim *sim, struct sim_conn *conn) {
  for (uint32_t i = 0; i < 2; i++) {
    sim_stream_clear(sim, &conn->ends[i].in);
    sim_segments_clear(sim, &conn->ends[i].in);
  }
  sim_unschedule(sim, &conn->event);
  *(conn->previous ? &conn->previous->next : &sim->conns) = conn->next;
  *(conn->next ? &conn->next->previous : &sim->conns_last) = conn->previous;
  sim_free(sim, conn);
}

uint64_t sim_latency(struct sim *sim, const struct sim_conn *conn) {
  return sim->seeded && conn->outside ? LATENCY_NS + sim_below(sim, JITTER_NS) : 0;
}

static void wake_end(struct sim *sim, const struct sim_end *end, uint32_t events) {
  if (end->file) sim_wake(sim, end->file, events);
}

static void send_segment(struct sim *sim, struct sim_end *from, uint32_t length, int kind) {
  sim_segment_add(sim, &sim_other(from)->in, sim->now + sim_latency(sim, from->conn), length, kind);
}

// Arrival

static void reset_arrives(struct sim *sim, struct sim_end *end) {
  if (end->dead) return;
  end->dead = true;
  end->error = end->in.ended ? -EPIPE : -ECONNRESET;
  wake_end(sim, end, MR_POLLIN | MR_POLLOUT | SIM_TROUBLE);
}

/** Bytes for nobody are answered with a reset. */
static void refuse_bytes(struct sim *sim, struct sim_end *end) {
  sim_stream_clear(sim, &end->in);
  if (end->dead) return;
  end->dead = true;
  send_segment(sim, end, 0, SIM_SEGMENT_RESET);
}

static void arrive(struct sim *sim, struct sim_event *event) {
  struct sim_end *end = SIM_OF(struct sim_end, in, SIM_OF(struct sim_stream, event, event));
  if (sim_partitioned(sim, end->conn)) return; // healing looks again
  uint32_t length;
  int kind;
  while (sim_segment_take(sim, &end->in, &length, &kind)) {
    if (kind == SIM_SEGMENT_RESET)
      reset_arrives(sim, end);
    else if (kind == SIM_SEGMENT_END) {
      end->in.ended = true;
      wake_end(sim, end, MR_POLLIN | SIM_POLLRDHUP | SIM_POLLHUP);
    } else if (end->gone || end->dead)
      refuse_bytes(sim, end);
    else {
      end->in.arrived += length;
      wake_end(sim, end, MR_POLLIN);
    }
  }
}

// What an end does

int sim_end_recv(struct sim *sim, struct sim_end *end, void *bytes, uint32_t length) {
  uint32_t n = sim_min(length, end->in.arrived);
  if (end->in.arrived && !end->shut_in) {
    bool full = !sim_stream_room(&end->in);
    sim_stream_get(sim, &end->in, bytes, n);
    if (full) wake_end(sim, sim_other(end), MR_POLLOUT);
    return (int)n;
  }
  if (end->in.ended || end->shut_in) return 0;
  if (end->error) {
    int error = end->error;
    end->error = 0;
    return error;
  }
  return end->dead ? 0 : -EAGAIN;
}

int sim_end_sendable(struct sim *sim, struct sim_end *end) {
  (void)sim;
  if (end->error) {
    int error = end->error;
    end->error = 0;
    return error;
  }
  if (end->dead || end->shut_out) return -EPIPE;
  return sim_stream_room(&sim_other(end)->in) ? 0 : -EAGAIN;
}

int sim_end_send(struct sim *sim, struct sim_end *end, const void *bytes, uint32_t length) {
  int error = sim_end_sendable(sim, end);
  if (error < 0) return error;
  struct sim_stream *out = &sim_other(end)->in;
  uint32_t n = sim_min(length, sim_stream_room(out));
  sim_stream_put(sim, out, bytes, n);
  uint64_t pieces = sim->seeded && end->conn->outside && !sim_below(sim, 4) ? 1 + sim_below(sim, PIECES_MAX) : 1;
  for (uint32_t left = n; left;) {
    uint32_t piece = --pieces ? 1 + (uint32_t)sim_below(sim, left) : left;
    send_segment(sim, end, piece, SIM_SEGMENT_DATA);
    left -= piece;
    if (!left) break;
  }
  return (int)n;
}

void sim_end_shutdown(struct sim *sim, struct sim_end *end, bool in, bool out) {
  if (in) end->shut_in = true;
  if (out && !end->shut_out) {
    end->shut_out = true;
    if (!end->dead) send_segment(sim, end, 0, SIM_SEGMENT_END);
  }
  wake_end(sim, end, MR_POLLIN | MR_POLLOUT | SIM_POLLHUP);
}

void sim_end_reset(struct sim *sim, struct sim_end *end) {
  if (end->dead) return;
  end->dead = true;
  sim_stream_clear(sim, &end->in);
  sim_segments_clear(sim, &end->in);
  if (!sim_other(end)->gone) send_segment(sim, end, 0, SIM_SEGMENT_RESET);
  wake_end(sim, end, MR_POLLIN | MR_POLLOUT | SIM_TROUBLE);
}

/** Afterwards the end is nobody's; the connection lasts until both are gone. */
void sim_end_close(struct sim *sim, struct sim_end *end, bool reset) {
  struct sim_end *other = sim_other(end);
  end->file = NULL;
  if (end->in.arrived || reset)
    sim_end_reset(sim, end);
  else
    sim_end_shutdown(sim, end, false, true);
  end->gone = true;
  if (end->peer) sim_peer_remove(sim, end);
  if (other->gone) sim_conn_free(sim, end->conn);
}

void sim_end_leave(struct sim *sim, struct sim_end *end, bool reset) {
  if (!end->conn->made) end->conn->ends[1].gone = true; // nobody will accept it
  sim_end_close(sim, end, reset);
}

/** All that is on its way to an end is there. */
static void hurry(struct sim *sim, struct sim_end *end) {
  for (struct sim_segment *segment = end->in.segments; segment; segment = segment->next) segment->at = sim->now;
  end->in.last_at = sim->now;
  arrive(sim, &end->in.event);
}

static void fail(struct sim *sim, struct sim_end *end, int error) {
  if (end->dead) return;
  end->dead = true;
  end->error = error;
  wake_end(sim, end, MR_POLLIN | MR_POLLOUT | SIM_TROUBLE);
}

void sim_conn_break(struct sim *sim, struct sim_end *end) {
  struct sim_end *other = sim_other(end);
  sim_stream_lose(sim, &end->in);
  sim_stream_lose(sim, &other->in);
  fail(sim, end, -ECONNRESET);
  fail(sim, other, -ECONNRESET);
}

void sim_conn_hang_up(struct sim *sim, struct sim_end *end) {
  struct sim_end *other = sim_other(end);
  if (sim_partitioned(sim, end->conn)) return; // neither the end nor the reset could have come
  hurry(sim, end);
  end->in.ended = true;
  sim_stream_lose(sim, &other->in);
  fail(sim, end, -EPIPE);
  fail(sim, other, -ECONNRESET);
}

uint32_t sim_end_mask(const struct sim_end *end) {
  uint32_t mask = 0;
  if (end->in.arrived || end->in.ended || end->error || end->dead || end->shut_in) mask |= MR_POLLIN;
  if (end->in.ended || end->shut_in || end->dead) mask |= SIM_POLLRDHUP;
  if (end->dead || end->shut_out || sim_stream_room(&sim_other(end)->in)) mask |= MR_POLLOUT;
  if (end->dead || (end->in.ended && end->shut_out)) mask |= SIM_POLLHUP;
  if (end->error) mask |= SIM_POLLERR;
  return mask;
}

// Partitions

bool sim_partitioned(const struct sim *sim, const struct sim_conn *conn) {
  for (const struct sim_partition *p = sim->partitions; p && conn->outside; p = p->next)
    if (!p->port || p->port == conn->port) return true;
  return false;
}

static void heals(struct sim *sim, struct sim_event *event) {
  sim_partition_heal(sim, SIM_OF(struct sim_partition, event, event)->port);
}

void sim_partition_set(struct sim *sim, uint16_t port, uint64_t ns) {
  struct sim_partition *partition = sim->partitions;
  while (partition && partition->port != port) partition = partition->next;
  if (!partition) {
    partition = sim_alloc(sim, sizeof *partition);
    *partition = (struct sim_partition){.port = port, .next = sim->partitions, .event.fire = heals};
    sim->partitions = partition;
  }
  sim_unschedule(sim, &partition->event);
  if (ns != SIM_NEVER) sim_schedule(sim, &partition->event, sim->now + ns);
}

void sim_partition_heal(struct sim *sim, uint16_t port) {
  struct sim_partition **at = &sim->partitions;
  while (*at && (*at)->port != port) at = &(*at)->next;
  if (!*at) return;
  struct sim_partition *partition = *at;
  *at = partition->next;
  sim_unschedule(sim, &partition->event);
  sim_free(sim, partition);
  for (struct sim_conn *conn = sim->conns; conn; conn = conn->next) {
    if (!conn->outside || (port && conn->port != port) || sim_partitioned(sim, conn)) continue;
    uint64_t at_ns = sim->now + sim_latency(sim, conn);
    for (uint32_t i = 0; i < 2; i++) {
      struct sim_stream *in = &conn->ends[i].in;
      if (in->segments) sim_schedule(sim, &in->event, at_ns > in->segments->at ? at_ns : in->segments->at);
    }
    if (!conn->made) sim_handshake_again(sim, conn, at_ns);
  }
}
