// The simulated kernel's exported functions: time, peers, faults and the disk. They stand beside those of shim.h, and
// take the handle of a loop whose kernel is KERNEL_SIM; any other is -EBADF. Numbers are ≥ 0 or −errno, and `at` is an
// offset in the loop's memory: what does not lie in it is -EFAULT. Ports are of 127.0.0.1, in the host's byte order.
#ifndef MR_SIM_API_H
#define MR_SIM_API_H

#include "../shim.h"
#include "abi.h"

// Chance. Without a seed nothing is random: bytes arrive at once and whole.

/** Seeds scheduler and faults; to be called before the first enter. */
MR_EXPORT int mr_sim_seed(int loop, uint32_t low, uint32_t high);
/** How likely a fault is at each of its opportunities, in millionths. */
MR_EXPORT int mr_sim_fault(int loop, int fault, uint32_t per_million);
/** The nth opportunity from now (1: the next) has the fault; -ENOMEM: 64 wait already. */
MR_EXPORT int mr_sim_script(int loop, int fault, uint32_t nth);
/** Sets CONTROL_FEATURES to those of FEATURE_* bits that this kernel has → what it has of them. */
MR_EXPORT int mr_sim_features(int loop, uint32_t bits);

// Time

/** Lets `us` microseconds pass, and all happen that is due in them; completions come with the next enter. */
MR_EXPORT int mr_sim_advance(int loop, uint32_t us);

// Peers, by number: the far ends of connections, outside of the loop. They act between enters.

/** A client that connects to a listener of the loop → its number; -ECONNREFUSED, -EAGAIN: full or unreachable. */
MR_EXPORT int mr_sim_connect(int loop, int port);
/** A server that sockets of the loop can connect to. */
MR_EXPORT int mr_sim_listen(int loop, int port, int backlog);
/** It listens no more; what waits to be accepted is reset. */
MR_EXPORT int mr_sim_unlisten(int loop, int port);
/** The server takes a connection → its number, or -EAGAIN. */
MR_EXPORT int mr_sim_accept(int loop, int port);
/** → bytes taken, fewer than `length` where the window is full; -EAGAIN, -EPIPE, -ECONNRESET. */
MR_EXPORT int mr_sim_send(int loop, int peer, uint32_t at, uint32_t length);
/** → bytes, 0 at the end of the stream, -EAGAIN, -ECONNRESET. */
MR_EXPORT int mr_sim_recv(int loop, int peer, uint32_t at, uint32_t capacity);
/** The peer sends no more. */
MR_EXPORT int mr_sim_shutdown(int loop, int peer);
/** The connection is reset; the number stays until it is closed. */
MR_EXPORT int mr_sim_reset(int loop, int peer);
/** As close(2): with bytes unread it resets. The number may be used again. */
MR_EXPORT int mr_sim_close(int loop, int peer);
/** Nothing passes between the loop and peers of `port` until healed; port 0: all peers. */
MR_EXPORT int mr_sim_partition(int loop, int port, int on);
/** How many bytes a direction of connections made from now on holds. */
MR_EXPORT int mr_sim_window(int loop, uint32_t bytes);

// Descriptors of the loop that no call makes

/** Most descriptors, as RLIMIT_NOFILE → the former limit. */
MR_EXPORT int mr_sim_limit(int loop, int descriptors);
/** An eventfd with this value → its descriptor. */
MR_EXPORT int mr_sim_eventfd(int loop, uint32_t value);
/** A pipe: two descriptors, to read and to write, into 8 bytes at `at`. */
MR_EXPORT int mr_sim_pipe(int loop, uint32_t at);
/** read(2) and write(2) of a non-blocking eventfd or pipe, by another thread as it were. */
MR_EXPORT int mr_sim_read(int loop, int fd, uint32_t at, uint32_t length);
MR_EXPORT int mr_sim_write(int loop, int fd, uint32_t at, uint32_t length);
/** The next close of this socket resets: SO_LINGER with a time of 0. */
MR_EXPORT int mr_sim_linger(int loop, int fd);

// The disk: a flat set of paths.

/** Puts a durable file in the place of what was there. */
MR_EXPORT int mr_sim_file(int loop, uint32_t path, uint32_t path_length, uint32_t at, uint32_t length);
/** → the file's length, its first `capacity` bytes at `at`; `durable`: as it would be after a crash. -ENOENT. */
MR_EXPORT int mr_sim_read_file(int loop, uint32_t path, uint32_t path_length, uint32_t at, uint32_t capacity,
                               int durable);
/** Power fails and comes back: what was not synced is lost. Descriptors stay, as those of the next process would. */
MR_EXPORT int mr_sim_crash(int loop);

// What happened

/** 8 bytes at `at`: a hash over every completion, call result and byte delivered so far. */
MR_EXPORT int mr_sim_digest(int loop, uint32_t at);
/** SIM_STAT_* → a count, at most INT32_MAX. */
MR_EXPORT int mr_sim_stat(int loop, int which);

#endif
