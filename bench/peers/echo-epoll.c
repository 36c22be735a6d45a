// The echo server to measure against: plain C on level-triggered epoll, one thread, read and write at once, EPOLLOUT
// only while a rest is waiting. Usage: echo-epoll PORT
#include "bench.h"

#include <sys/epoll.h>

enum { EVENTS = 512, READ_BYTES = 64 * 1024, FDS = 1 << 20 };

/** What a peer did not take yet; while there is any, nothing more is read from it. */
struct rest {
  char *bytes;
  size_t from, to;
};

static struct rest *rests[FDS];
static int epoll_fd;

static void watch(int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll_fd, operation, fd, &event) != 0) die("epoll_ctl");
}

static void close_connection(int fd) {
  if (rests[fd] != NULL) {
    free(rests[fd]->bytes);
    free(rests[fd]);
    rests[fd] = NULL;
  }
  close(fd);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      die("accept4");
    }
    if (fd >= FDS) {
      close(fd);
      continue;
    }
    no_delay(fd);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

static void keep_rest(int fd, const char *bytes, size_t length) {
  struct rest *rest = malloc(sizeof *rest);
  if (rest == NULL || (rest->bytes = malloc(length)) == NULL) die("malloc");
  memcpy(rest->bytes, bytes, length);
  rest->from = 0;
  rest->to = length;
  rests[fd] = rest;
  watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void readable(int fd) {
  static char buffer[READ_BYTES];
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got <= 0) {
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) close_connection(fd);
    return;
  }
  ssize_t sent = send(fd, buffer, (size_t)got, MSG_NOSIGNAL);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN) {
    close_connection(fd);
    return;
  }
  size_t taken = sent < 0 ? 0 : (size_t)sent;
  keep_rest(fd, buffer + taken, (size_t)got - taken);
}

static void writable(int fd) {
  struct rest *rest = rests[fd];
  if (rest == NULL) return;
  ssize_t sent = send(fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) close_connection(fd);
    return;
  }
  rest->from += (size_t)sent;
  if (rest->from < rest->to) return;
  free(rest->bytes);
  free(rest);
  rests[fd] = NULL;
  watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s PORT\n", arguments[0]);
    return 2;
  }
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, number(arguments[1], "PORT", 1, 65535));
  raise_file_limit();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) die("socket");
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  if (listen(listener, 4096) != 0) die("listen");
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);

  static struct epoll_event events[EVENTS];
  for (;;) {
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener)
        accept_all(fd);
      else if (events[i].events & EPOLLOUT)
        writable(fd);
      else
        readable(fd);
    }
  }
}
