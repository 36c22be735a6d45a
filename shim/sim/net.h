// The network: bytes on their way, the two ends of a connection, listeners and partitions. Only sim.h includes this.
#ifndef MR_SIM_NET_H
#define MR_SIM_NET_H

// Streams: bytes on their way in one direction

#define SIM_SEGMENT_DATA 0
#define SIM_SEGMENT_END 1
#define SIM_SEGMENT_RESET 2

struct sim_chunk;

struct sim_segment {
  struct sim_segment *next;
  uint64_t at;
  uint32_t length;
  int32_t kind;
};

struct sim_stream {
  struct sim_event event; // the next arrival
  struct sim_chunk *first, *last;
  struct sim_segment *segments, *segments_last; // not arrived yet
  uint64_t last_at;                             // when the last of them arrives
  uint32_t queued;                              // bytes sent and not read
  uint32_t arrived;                             // of these, those that can be read
  uint32_t window;                              // most that may be queued
  bool ended;                                   // the sender's end has arrived
};

/** Puts bytes behind the others, to be read once they have arrived. */
void sim_stream_put(struct sim *sim, struct sim_stream *stream, const void *bytes, uint32_t length);
/** Takes out `length` arrived bytes. */
void sim_stream_get(struct sim *sim, struct sim_stream *stream, void *bytes, uint32_t length);
/** Copies the first `length` bytes, which stay. */
void sim_stream_peek(const struct sim_stream *stream, void *bytes, uint32_t length);
void sim_stream_clear(struct sim *sim, struct sim_stream *stream);
/** What has not arrived yet never will. */
void sim_stream_lose(struct sim *sim, struct sim_stream *stream);
void sim_segments_clear(struct sim *sim, struct sim_stream *stream);
static inline uint32_t sim_stream_room(const struct sim_stream *stream) {
  return stream->window > stream->queued ? stream->window - stream->queued : 0;
}
void sim_segment_add(struct sim *sim, struct sim_stream *stream, uint64_t at, uint32_t length, int kind);
/** The segment that is due; false: none. */
bool sim_segment_take(struct sim *sim, struct sim_stream *stream, uint32_t *length, int *kind);

// Connections

struct sim_end {
  struct sim_conn *conn;
  struct sim_stream in;
  struct sim_file *file; // whose it is; null: a peer's, or nobody's yet
  struct sim_end *next;  // in a listener's queue
  int32_t peer;          // number; 0: not a peer's
  int32_t error;         // −errno that the next to ask is told
  uint16_t port;
  bool taken; // was accepted, or made by connect
  bool gone;  // closed
  bool dead;  // reset
  bool shut_in, shut_out;
};

struct sim_conn {
  struct sim_end ends[2]; // [0] connected, [1] accepts
  struct sim_event event; // the next step of the handshake
  struct sim_conn *next, *previous;
  struct sim_listener *listener; // in whose hands it is until it is accepted
  uint32_t window;
  uint16_t port; // of the server
  bool outside;  // one end is a peer's
  bool waiting;  // for a place in the backlog
  bool made;
};

struct sim_listener {
  struct sim_file *file; // null: a peer's
  struct sim_end *first, *last;
  struct sim_listener *next;
  uint32_t queued, backlog;
  uint16_t port;
};

struct sim_partition {
  struct sim_event event; // heals by itself
  struct sim_partition *next;
  uint16_t port; // 0: all
};

static inline struct sim_end *sim_other(const struct sim_end *end) {
  return &end->conn->ends[end == &end->conn->ends[0] ? 1 : 0];
}

// tcp.c
struct sim_conn *sim_conn_new(struct sim *sim, uint16_t client_port, uint16_t server_port, bool outside);
void sim_windows_set(struct sim_conn *conn);
uint64_t sim_latency(struct sim *sim, const struct sim_conn *conn);
/** → bytes, 0, -EAGAIN, or the end's error. */
int sim_end_recv(struct sim *sim, struct sim_end *end, void *bytes, uint32_t length);
int sim_end_send(struct sim *sim, struct sim_end *end, const void *bytes, uint32_t length);
/** What a send would answer before it takes bytes: 0, -EAGAIN, or an error, which is told only once. */
int sim_end_sendable(struct sim *sim, struct sim_end *end);
void sim_end_shutdown(struct sim *sim, struct sim_end *end, bool in, bool out);
void sim_end_reset(struct sim *sim, struct sim_end *end);
void sim_end_close(struct sim *sim, struct sim_end *end, bool reset);
/** As sim_end_close, whatever state its handshake is in. */
void sim_end_leave(struct sim *sim, struct sim_end *end, bool reset);
/** The network ends the connection: both ends are reset, and what is on its way is lost. */
void sim_conn_break(struct sim *sim, struct sim_end *end);
/** The other end has sent all it had and ended; then it answers what comes with a reset: sends are -EPIPE. */
void sim_conn_hang_up(struct sim *sim, struct sim_end *end);
void sim_conn_free(struct sim *sim, struct sim_conn *conn);
uint32_t sim_end_mask(const struct sim_end *end);
bool sim_partitioned(const struct sim *sim, const struct sim_conn *conn);
void sim_partition_set(struct sim *sim, uint16_t port, uint64_t ns);
void sim_partition_heal(struct sim *sim, uint16_t port);

// listener.c
struct sim_listener *sim_listener_at(struct sim *sim, uint16_t port, bool of_loop);
struct sim_listener *sim_listener_new(struct sim *sim, struct sim_file *file, uint16_t port, uint32_t backlog);
void sim_listener_free(struct sim *sim, struct sim_listener *listener);
/** The oldest connection that waits, or null. */
struct sim_end *sim_listener_take(struct sim *sim, struct sim_listener *listener);
bool sim_listener_full(const struct sim_listener *listener);
/** Begins a handshake → 0: made, -EINPROGRESS, -ECONNREFUSED. */
int sim_handshake(struct sim *sim, struct sim_conn *conn, struct sim_listener *listener);
/** Takes the handshake's next step at a time. */
void sim_handshake_again(struct sim *sim, struct sim_conn *conn, uint64_t at);
bool sim_port_taken(const struct sim *sim, uint16_t port, const struct sim_file *except);
uint16_t sim_port_free(struct sim *sim);

#endif
