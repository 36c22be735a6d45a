// Loops in threads: each thread opens and closes its own, all write into one another's rings, and some wait to be
// woken. Run with the number of a kernel; exit 77: it is not to be had here.
#include "../twins/twins.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 6
#define MESSAGES 3000u
#define ROUNDS 60
#define LAST 0xfffffffu

struct worker {
  pthread_t thread;
  struct twin twin;
  int index, kernel, failed;
  uint32_t expected[THREADS]; // the next message of each sender
  uint32_t senders_done;
};

static struct worker workers[THREADS];
static int names[THREADS];
static pthread_barrier_t barrier;

static void complain(struct worker *w, const char *what, long value) {
  fprintf(stderr, "thread %d: %s: %ld\n", w->index, what, value);
  w->failed = 1;
}

static void tell(struct twin *t, int name, uint64_t from, uint32_t value) {
  struct mr_sqe sqe = {.opcode = MR_OP_MSG_RING, .fd = name, .off = from, .len = value, .user_data = LAST};
  twin_submit(t, sqe);
}

/** Takes what has come: messages of every sender in order, and our own results. */
static void take(struct worker *w, int min, uint32_t *answered) {
  struct twin *t = &w->twin;
  uint32_t submit = *t->sq_tail - __atomic_load_n(t->sq_head, __ATOMIC_ACQUIRE);
  int r = mr_enter(t->ring, 0, submit, (uint32_t)min, 10000000000);
  if (r < 0) complain(w, "enter", r);
  for (uint32_t head = *t->cq_head; head != __atomic_load_n(t->cq_tail, __ATOMIC_ACQUIRE);
       __atomic_store_n(t->cq_head, ++head, __ATOMIC_RELEASE)) {
    const struct mr_cqe *cqe = &t->cqes[head & *t->cq_mask];
    if (cqe->user_data == LAST) {
      if (cqe->res != 0) complain(w, "a message was not sent", cqe->res);
      ++*answered;
    } else if (cqe->user_data >= THREADS)
      complain(w, "a message of nobody", (long)cqe->user_data);
    else if ((uint32_t)cqe->res != w->expected[cqe->user_data]++)
      complain(w, "a message out of order", cqe->res);
    else if (w->expected[cqe->user_data] == MESSAGES)
      w->senders_done++;
  }
}

/** Everybody writes to everybody, and reads until all has come; a thread with nothing to write waits to be woken. */
static void crossfire(struct worker *w) {
  uint32_t sent = 0, answered = 0, all = MESSAGES * (THREADS - 1);
  while (!w->failed && (answered < all || w->senders_done < THREADS - 1)) {
    for (int burst = 0; burst < 20 && sent < all; burst++, sent++) {
      int to = (w->index + 1 + (int)(sent % (THREADS - 1))) % THREADS;
      tell(&w->twin, names[to], (uint64_t)w->index, sent / (THREADS - 1));
    }
    take(w, sent < all ? 0 : 1, &answered);
  }
}

/** Loops come and go while others write to what may be them, or have been. */
static void churn(struct worker *w) {
  for (int round = 0; round < ROUNDS && !w->failed; round++) {
    struct twin t = {.real = false};
    int r = twin_open_emulation(&t, w->kernel);
    if (r < 0) return complain(w, "setup", r);
    __atomic_store_n(&names[w->index], twin_name(&t), __ATOMIC_RELEASE);
    int ends[2];
    twin_pair(&t, ends);
    struct mr_sqe receive = {.opcode = MR_OP_RECV, .fd = ends[0], .addr = (uintptr_t)twin_alloc(&t, 8), .len = 8};
    twin_submit(&t, receive);
    for (int i = 0; i < THREADS; i++) tell(&t, __atomic_load_n(&names[i], __ATOMIC_ACQUIRE), 99, 1);
    for (int i = 0; i < 3; i++) twin_settle(&t);
    if (round % 2) twin_shut(&t, ends[0]); // else the loop closes with an op that waits
    twin_close(&t);
  }
}

static void *work(void *argument) {
  struct worker *w = argument;
  int r = twin_open_emulation(&w->twin, w->kernel);
  if (r < 0) {
    complain(w, "setup", r);
    w->failed = r == -ENOSYS || r == -EPERM || r == -ENOMEM || r == -EINVAL ? 77 : 1;
  } else
    names[w->index] = twin_name(&w->twin);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++)
    if (workers[i].failed) return NULL;
  pthread_barrier_wait(&barrier); // all have looked
  crossfire(w);
  pthread_barrier_wait(&barrier); // nobody closes while somebody writes
  twin_close(&w->twin);
  pthread_barrier_wait(&barrier);
  churn(w);
  return NULL;
}

int main(int count, char **arguments) {
  int kernel = count > 1 ? atoi(arguments[1]) : MR_KERNEL_EPOLL, failed = 0;
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    workers[i].index = i;
    workers[i].kernel = kernel;
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) return 1;
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    if (workers[i].failed > failed) failed = workers[i].failed;
  }
  return failed;
}
