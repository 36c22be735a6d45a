// Proof at compile time that the simulated machine has Linux's numbers and layouts: nothing here runs.
#include "sim/sim.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours " is not " #theirs)

SAME(SIM_POLLERR, POLLERR);
SAME(SIM_POLLHUP, POLLHUP);
SAME(SIM_POLLRDHUP, POLLRDHUP);
SAME(SIM_MSG_DONTWAIT, MSG_DONTWAIT);
SAME(SIM_INET_BYTES, 16);
SAME(SIM_STATX_BYTES, sizeof(struct statx));
SAME(offsetof(struct statx, stx_mode), 28);
SAME(offsetof(struct statx, stx_ino), 32);
SAME(offsetof(struct statx, stx_size), 40);
SAME(offsetof(struct statx, stx_blocks), 48);
SAME(offsetof(struct statx, stx_mtime), 112);
SAME(offsetof(struct msghdr, msg_iov), 16);
SAME(offsetof(struct msghdr, msg_iovlen), 24);
SAME(offsetof(struct msghdr, msg_controllen), 40);
