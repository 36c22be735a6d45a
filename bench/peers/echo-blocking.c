// Blocking I/O, the first of the models: an echo server with a process (fork) or a thread (pthread) for each
// connection, which waits in read and in write like any program does. Usage: echo-blocking PORT process|thread
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { READ_BYTES = 64 * 1024, STACK_BYTES = 128 * 1024, BACKLOG = 4096 };

static int listener;

static void serve(int fd) {
  char buffer[READ_BYTES];
  for (;;) {
    ssize_t length = read(fd, buffer, sizeof buffer);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return;
    for (ssize_t sent = 0; sent < length;) {
      ssize_t n = write(fd, buffer + sent, (size_t)(length - sent));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;
      sent += n;
    }
  }
}

static void *serve_thread(void *fd) {
  serve((int)(intptr_t)fd);
  close((int)(intptr_t)fd);
  return NULL;
}

/** Its stack is small, so that thousands of threads fit. Without room for one more the connection is closed. */
static void start_thread(int fd) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attributes, serve_thread, (void *)(intptr_t)fd) != 0) close(fd);
  pthread_attr_destroy(&attributes);
}

/** The child ends with its parent. Without room for one more the connection is closed. */
static void start_process(int fd) {
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_DFL);
    close(listener);
    serve(fd);
    _exit(0);
  }
  close(fd);
}

/** Ended children are waited for, which also adds their CPU time to ours. */
static void reap(int number) {
  (void)number;
  int saved = errno;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  errno = saved;
}

int main(int argc, char **argv) {
  if (argc != 3 || (strcmp(argv[2], "process") != 0 && strcmp(argv[2], "thread") != 0)) {
    fputs("usage: echo-blocking PORT process|thread\n", stderr);
    return 2;
  }
  void (*start)(int) = strcmp(argv[2], "process") == 0 ? start_process : start_thread;
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, number(argv[1], "PORT", 1, 65535));
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = reap, .sa_flags = SA_RESTART}, NULL);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) die("socket");
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  if (listen(listener, BACKLOG) != 0) die("listen");
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 && errno != EINTR && errno != ECONNABORTED) die("accept");
    if (fd < 0) continue;
    no_delay(fd);
    start(fd);
  }
}
