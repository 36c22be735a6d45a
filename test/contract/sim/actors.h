// Who acts in a random program: sockets of the loop, their peers outside, a file, and odds and ends.
#ifndef MR_ACTORS_H
#define MR_ACTORS_H

#include "world.h"

#define NEARS 20
#define FARS 16
#define RECEIVE_BYTES 3000u
#define SEND_BYTES 6000u
#define FILE_BYTES 32768u

/** A socket of the loop. */
struct near {
  bool used, connecting, closing, receiving, sending, cancelling, shut;
  int fd;
  uint32_t pending; // its SQEs
  struct end end;
  uint32_t receive_at, send_at; // in the memory
};

/** A peer. */
struct far {
  bool used, shut;
  int number;
  struct end end;
};

struct actors {
  struct world *w;
  int listener;
  bool accepting;
  struct near nears[NEARS];
  struct far fars[FARS];
  uint16_t offsets[BUFFERS]; // where the kernel goes on in an incremental buffer
  uint32_t scratch;
  // the file
  int file;
  bool filing;
  uint32_t file_length;
  uint8_t shadow[FILE_BYTES], staging[FILE_BYTES];
  uint32_t file_at, path_at;
};

void actors_open(struct actors *a, struct world *w);
void actors_turn(struct actors *a);
/** Everything is cancelled and closed, and comes to its end. */
void actors_close(struct actors *a);

// near.c
void near_connect(struct actors *a);
void near_accepted(struct actors *a, int fd);
void near_act(struct actors *a, struct near *near);
/** Closes it, or what it waits for first. */
void near_close(struct actors *a, struct near *near);
void near_completed(struct actors *a, const struct op *op, const struct mr_cqe *cqe);

// far.c
void far_connect(struct actors *a);
void far_accept(struct actors *a);
void far_act(struct actors *a, struct far *far);
void far_close(struct actors *a, struct far *far);

// file.c
void file_open(struct actors *a);
void file_act(struct actors *a);
void file_completed(struct actors *a, const struct op *op, const struct mr_cqe *cqe);

#define KIND_NEAR 1
#define KIND_ACCEPT 2
#define KIND_FILE 3

#endif
