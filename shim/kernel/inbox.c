// Messages from loop to loop (MSG_RING): a loop is named by an eventfd, as a ring of io_uring's is by its descriptor.
// Loops may live in different threads: one lock guards all inboxes, and is held for a few instructions.
#include "readiness.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MESSAGES_MAX 65536u // that a loop which does not look may have waiting; then senders get -EOVERFLOW

struct mr_inbox {
  struct mr_inbox *next; // of all of the process
  struct mr_cqe *messages;
  uint32_t count, capacity;
  int fd; // readable while there are messages
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mr_inbox *inboxes;

int mr_inbox_open(struct mr_readiness *r) {
  struct mr_inbox *inbox = calloc(1, sizeof *inbox);
  if (!inbox) return -ENOMEM;
  inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  int error = inbox->fd < 0 ? -errno : r->poller->watch(r->poller_state, MR_INBOX_FD, inbox->fd);
  if (error < 0) {
    if (inbox->fd >= 0) close(inbox->fd);
    free(inbox);
    return error;
  }
  r->inbox = inbox;
  MR_CONTROL(r->loop, int32_t, RING_FD) = inbox->fd;
  pthread_mutex_lock(&lock);
  inbox->next = inboxes;
  inboxes = inbox;
  pthread_mutex_unlock(&lock);
  return 0;
}

void mr_inbox_close(struct mr_readiness *r) {
  struct mr_inbox *inbox = r->inbox;
  if (!inbox) return;
  pthread_mutex_lock(&lock);
  struct mr_inbox **at = &inboxes;
  while (*at != inbox) at = &(*at)->next;
  *at = inbox->next;
  pthread_mutex_unlock(&lock);
  r->poller->watch(r->poller_state, MR_INBOX_FD, -1);
  close(inbox->fd);
  free(inbox->messages);
  free(inbox);
  r->inbox = NULL;
}

void mr_inbox_drain(struct mr_readiness *r) {
  struct mr_inbox *inbox = r->inbox;
  eventfd_t wakes;
  pthread_mutex_lock(&lock);
  struct mr_cqe *messages = inbox->messages;
  uint32_t count = inbox->count;
  inbox->messages = NULL;
  inbox->count = inbox->capacity = 0;
  eventfd_read(inbox->fd, &wakes);
  pthread_mutex_unlock(&lock);
  for (uint32_t i = 0; i < count; i++) mr_post(r, messages[i].user_data, messages[i].res, messages[i].flags);
  free(messages);
}

static int put(struct mr_inbox *inbox, const struct mr_cqe *message) {
  if (inbox->count == inbox->capacity) {
    uint32_t capacity = inbox->capacity ? inbox->capacity * 2 : 16;
    struct mr_cqe *messages =
        capacity > MESSAGES_MAX ? NULL : realloc(inbox->messages, capacity * sizeof(struct mr_cqe));
    if (!messages) return -EOVERFLOW;
    inbox->messages = messages;
    inbox->capacity = capacity;
  }
  inbox->messages[inbox->count++] = *message;
  if (inbox->count == 1) eventfd_write(inbox->fd, 1);
  return 0;
}

int mr_try_msg_ring(struct mr_readiness *r, struct mr_op *op, uint32_t *cqe_flags) {
  (void)r, (void)cqe_flags;
  bool pass = op->op_flags & MR_MSG_RING_FLAGS_PASS;
  struct mr_cqe message = {op->off, (int32_t)op->len, pass ? op->events : 0};
  pthread_mutex_lock(&lock);
  struct mr_inbox *inbox = inboxes;
  while (inbox && inbox->fd != op->fd) inbox = inbox->next;
  int res = -EBADFD;
  if (inbox) res = op->addr || (!pass && op->events) ? -EINVAL : put(inbox, &message);
  pthread_mutex_unlock(&lock);
  return !inbox && fcntl(op->fd, F_GETFD) < 0 ? -EBADF : res;
}
