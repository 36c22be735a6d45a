// Pours lines into a server that answers nothing: every connection sends as fast as the server takes them. Prints one
// JSON object: the requests, which are lines, that the sockets took within the window, and the CPU time of the server's
// threads and children in it. What lies in the sockets' buffers at both ends is the same, so that it does not count.
// Usage: pour PORT CONNECTIONS LINE_BYTES MILLISECONDS PID
#include "bench.h"
#include "cpu.h"

#include <fcntl.h>
#include <sys/epoll.h>

enum { EVENTS = 256, LINES = 256 };

static char *lines;
static size_t bytes;
static uint64_t sent_bytes;

/** Sends from where the connection stands within the lines, until its socket is full. */
static void pour(int fd, size_t *at) {
  for (;;) {
    ssize_t sent = send(fd, lines + *at, bytes - *at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) die("send");
    sent_bytes += (uint64_t)sent;
    *at = (*at + (size_t)sent) % bytes;
  }
}

int main(int count, char **arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: %s PORT CONNECTIONS LINE_BYTES MILLISECONDS PID\n", arguments[0]);
    return 2;
  }
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, number(arguments[1], "PORT", 1, 65535));
  long connections = number(arguments[2], "CONNECTIONS", 1, 10000);
  size_t line = (size_t)number(arguments[3], "LINE_BYTES", 2, 1 << 16);
  uint64_t window_ns = (uint64_t)number(arguments[4], "MILLISECONDS", 1, 3600000) * 1000000u;
  struct family server = family_of(number(arguments[5], "PID", 1, 1L << 30));

  raise_file_limit();
  bytes = line * LINES;
  lines = malloc(bytes);
  int *fds = calloc((size_t)connections, sizeof *fds);
  size_t *places = calloc((size_t)connections, sizeof *places);
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!lines || !fds || !places || epoll_fd < 0) die("setup");
  for (size_t i = 0; i < bytes; i++) lines[i] = (i + 1) % line ? (char)('!' + (i * 7 + i / line) % 90) : '\n';
  for (long i = 0; i < connections; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    if (fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = (uint64_t)i};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) != 0) die("epoll_ctl");
  }

  uint64_t begin = now_ns() + window_ns / 4, end = begin + window_ns, cpu_before = 0, bytes_before = 0, now;
  int counting = 0;
  while ((now = now_ns()) < end) {
    if (!counting && now >= begin) {
      counting = 1;
      begin = now;
      end = now + window_ns;
      bytes_before = sent_bytes;
      cpu_before = family_cpu_ns(&server);
    }
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll_fd, events, EVENTS, 100);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) pour(fds[events[i].data.u64], &places[events[i].data.u64]);
  }
  uint64_t requests = (sent_bytes - bytes_before) / line, cpu = family_cpu_ns(&server) - cpu_before;
  double seconds = (double)(now - begin) / 1e9;
  printf("{\"requests\":%llu,\"seconds\":%.6f,\"requestsPerSecond\":%.1f,\"cpuNs\":%llu}\n",
         (unsigned long long)requests, seconds, (double)requests / seconds, (unsigned long long)cpu);
  return requests ? 0 : 1;
}
