// The file server to measure against: plain C, level-triggered epoll, one thread, sendfile until the socket is full. A
// request is one line; the answer is the file's length, 8 bytes big-endian, and the file, which is opened anew each
// time. Usage: file-sendfile PORT FILE
#include "bench.h"

#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

enum { EVENTS = 512, FDS = 1 << 16, READ_BYTES = 4096 };

/** What a connection is being sent; `file` is −1 where nothing is. */
struct transfer {
  int file, waiting;
  off_t at, end;
  long requests; // lines that came while another file is under way
};

static struct transfer transfers[FDS];
static int epoll_fd;
static const char *path;

static void watch(int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll_fd, operation, fd, &event) != 0) die("epoll_ctl");
}

static void close_connection(int fd) {
  if (transfers[fd].file >= 0) close(transfers[fd].file);
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
    transfers[fd] = (struct transfer){.file = -1};
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/** Opens the file and sends its length, which an empty socket always has room for. */
static int begin(int fd) {
  struct transfer *t = &transfers[fd];
  struct stat status;
  t->file = open(path, O_RDONLY | O_CLOEXEC);
  if (t->file < 0 || fstat(t->file, &status) != 0) die(path);
  t->at = 0;
  t->end = status.st_size;
  uint64_t length = htobe64((uint64_t)status.st_size);
  return send(fd, &length, sizeof length, MSG_NOSIGNAL | (t->end > 0 ? MSG_MORE : 0)) == sizeof length;
}

/** Sends until everything is sent or the socket is full; 0 where the connection is gone. */
static int proceed(int fd) {
  struct transfer *t = &transfers[fd];
  for (;;) {
    if (t->file < 0) {
      if (t->requests == 0) break;
      t->requests--;
      if (!begin(fd)) return 0;
    }
    while (t->at < t->end) {
      ssize_t sent = sendfile(fd, t->file, &t->at, (size_t)(t->end - t->at));
      if (sent > 0) continue;
      if (sent == 0 || errno != EAGAIN) return 0;
      if (!t->waiting) watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
      t->waiting = 1;
      return 1;
    }
    close(t->file);
    t->file = -1;
  }
  if (t->waiting) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  t->waiting = 0;
  return 1;
}

static int readable(int fd) {
  char buffer[READ_BYTES];
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  for (ssize_t i = 0; i < got; i++) transfers[fd].requests += buffer[i] == '\n';
  return proceed(fd);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: %s PORT FILE\n", arguments[0]);
    return 2;
  }
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, number(arguments[1], "PORT", 1, 65535));
  path = arguments[2];
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN); // sendfile has no MSG_NOSIGNAL
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
      else if (!(events[i].events & EPOLLOUT ? proceed(fd) : readable(fd)))
        close_connection(fd);
    }
  }
}
