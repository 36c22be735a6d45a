// A loop of the simulated kernel and the peers around it, for random programs that know what must come of them.
#ifndef MR_WORLD_H
#define MR_WORLD_H

#include "sim/api.h"

#define BUFFERS 32u
#define BUFFER_BYTES 512u
#define OPS_MAX 65536u
#define STREAMS_MAX 4096u
#define PORT_LOOP 7000
#define PORT_REMOTE 8000

/** What an SQE was, until its final completion is in. */
struct op {
  uint8_t opcode, kind;
  bool pending, multishot, silent; // silent: a success is not told
  bool whole;                      // a send that is short only where its connection ended
  bool notice_due;                 // a zero-copy send whose memory is not back
  int32_t owner;                   // of the actors' own
  uint32_t place, length;          // its bytes in the memory, or in a file
};

/** One direction of a connection, from the first byte to the last. The first four bytes are its number. */
struct stream {
  uint64_t sent;     // taken by the kernel, for sure
  uint64_t offered;  // given to it, at most
  uint64_t received; // and checked
  bool claimed;      // somebody receives it
  bool broken;       // an end has been told of an error: bytes may be missing
};

/** An end of a connection as its owner sees it. */
struct end {
  uint32_t out, in; // streams; 0: not known yet
  uint8_t head[4];
  uint32_t head_bytes;
  bool ended; // the stream in has
  bool broke;
};

struct world {
  int loop;
  uint8_t *memory;
  uint64_t random, seed;
  struct op ops[OPS_MAX];
  uint32_t op_count, pending;
  struct stream streams[STREAMS_MAX];
  uint32_t stream_count;
  uint32_t scratch;
  uint64_t completions;
};

void fail(const struct world *w, const char *what, int64_t a, int64_t b);

uint64_t pick(struct world *w, uint64_t limit);
void world_open(struct world *w, uint64_t seed, bool incremental);
void world_close(struct world *w);
uint64_t world_digest(struct world *w);

/** Submits an SQE; user_data is its number in ops. Null: the SQ is full. */
struct op *submit(struct world *w, struct mr_sqe sqe);
int enter(struct world *w, uint32_t min, int64_t timeout_ns);
/** The next completion, checked against its op; false: none. */
bool next(struct world *w, struct mr_cqe *cqe, struct op **op);
int call(struct world *w, struct mr_call_record record);
bool sq_has_room(const struct world *w, uint32_t sqes);

uint32_t stream_new(struct world *w);
/** Writes the bytes that the stream has next. */
void stream_fill(const struct world *w, uint32_t stream, uint64_t from, uint8_t *to, uint32_t length);
/** Bytes came. */
void end_received(struct world *w, struct end *end, const uint8_t *bytes, uint32_t length);
/** The end of the stream came. */
void end_ended(struct world *w, struct end *end);
/** The end was told that its connection is no more. */
void end_broke(struct world *w, struct end *end);

void provide(struct world *w, uint16_t id);
uint8_t *buffer_at(struct world *w, uint16_t id);

static inline uint64_t address(const void *p) { return (uint64_t)(uintptr_t)p; }

#endif
