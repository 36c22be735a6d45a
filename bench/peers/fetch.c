// The receiving side of a file server: every connection asks for the file, takes all of it, and asks again. What comes
// is thrown away in the kernel (MSG_TRUNC), so that it is not the receiver that is measured. By `line` a request is one
// line, and the answer a length of 8 bytes, big-endian, and the file; by `http` it is a GET on a kept connection. With
// `check` the file is fetched once and compared with FILE; otherwise it is fetched for MILLISECONDS, and one JSON
// object says what came in that time and, given the server's pid, what CPU time it took. Usage: fetch PORT line|http
// FILE check, or fetch PORT line|http FILE CONNECTIONS MILLISECONDS [PID]
#include "bench.h"
#include "cpu.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { EVENTS = 512, READ_BYTES = 4 << 20, HEAD_BYTES = 4096, LENGTH_BYTES = 8 };

struct connection {
  int fd, in_body;
  uint64_t rest; // of the body
  size_t head;   // bytes of the head that are there; once it is whole, of the body that came with it
  char bytes[HEAD_BYTES + 1];
};

static struct connection *connections;
static long connection_count;
static int epoll_fd, http, counting;
static uint64_t file_bytes, received, requests;
static char request[512];
static char buffer[READ_BYTES];

static _Noreturn void wrong(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void connect_to(struct connection *c, long port) {
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, port);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
  no_delay(c->fd);
}

static void ask(struct connection *c) {
  c->in_body = 0;
  c->head = 0;
  if (send(c->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) die("send");
}

/** The bytes of the head so far make it whole: where it ends, with the file's length in `length`; 0 before that. */
static size_t head_end(struct connection *c, uint64_t *length) {
  if (!http) {
    if (c->head < LENGTH_BYTES) return 0;
    memcpy(length, c->bytes, LENGTH_BYTES);
    *length = be64toh(*length);
    return LENGTH_BYTES;
  }
  c->bytes[c->head] = '\0';
  const char *end = strstr(c->bytes, "\r\n\r\n");
  if (end == NULL) return 0;
  const char *field = strcasestr(c->bytes, "\r\ncontent-length:");
  if (strncmp(c->bytes, "HTTP/1.1 200 ", 13) != 0 || field == NULL || field > end) wrong("not a 200 with a length");
  *length = strtoull(field + strlen("\r\ncontent-length:"), NULL, 10);
  return (size_t)(end - c->bytes) + 4;
}

/** Receives what is there of the head, by `line` not a byte more; true where it is whole. */
static int receive_head(struct connection *c) {
  size_t room = (http ? HEAD_BYTES : LENGTH_BYTES) - c->head;
  if (room == 0) wrong("the head of the answer has no end");
  ssize_t got = recv(c->fd, c->bytes + c->head, room, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got < 0) die("recv");
  if (got == 0) wrong("the server closed a connection");
  c->head += (size_t)got;
  uint64_t length;
  size_t end = head_end(c, &length);
  if (end == 0) return 0;
  if (length != file_bytes) wrong("the length of the answer is not the file's");
  c->head -= end;
  memmove(c->bytes, c->bytes + end, c->head);
  c->rest = length - c->head;
  c->in_body = 1;
  return 1;
}

/** Takes what is there, and asks again when the file is whole. */
static void receive(struct connection *c) {
  if (!c->in_body) {
    if (!receive_head(c)) return;
    if (counting) received += c->head;
  }
  while (c->rest > 0) {
    ssize_t got = recv(c->fd, buffer, c->rest < sizeof buffer ? (size_t)c->rest : sizeof buffer, MSG_TRUNC);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) die("recv");
    if (got == 0) wrong("the server closed a connection in the middle of a file");
    c->rest -= (uint64_t)got;
    if (counting) received += (uint64_t)got;
  }
  if (counting) requests++;
  ask(c);
}

/** Fetches the file once and compares it. */
static void check(long port, int file) {
  static char expected[READ_BYTES];
  struct connection *c = &connections[0];
  connect_to(c, port);
  ask(c);
  while (!receive_head(c)) continue;
  memcpy(buffer, c->bytes, c->head);
  size_t length = c->head;
  for (uint64_t at = 0;;) {
    if (pread(file, expected, length, (off_t)at) != (ssize_t)length) die("pread");
    if (memcmp(buffer, expected, length) != 0) wrong("what came is not the file");
    at += length;
    if (at == file_bytes) break;
    uint64_t rest = file_bytes - at;
    ssize_t got = recv(c->fd, buffer, rest < sizeof buffer ? (size_t)rest : sizeof buffer, 0);
    if (got < 0) die("recv");
    if (got == 0) wrong("the server closed a connection in the middle of a file");
    length = (size_t)got;
  }
  printf("{\"bytes\":%llu}\n", (unsigned long long)file_bytes);
}

static void poll_once(int timeout_ms) {
  static struct epoll_event events[EVENTS];
  int ready = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
  if (ready < 0 && errno != EINTR) die("epoll_wait");
  for (int i = 0; i < ready; i++) receive(&connections[events[i].data.u64]);
}

static void fetch(long port, uint64_t window_ns, long pid) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");
  for (long i = 0; i < connection_count; i++) {
    struct connection *c = &connections[i];
    connect_to(c, port);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)i};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl");
    ask(c);
  }
  uint64_t warm_until = now_ns() + window_ns / 4;
  while (now_ns() < warm_until) poll_once(100);

  struct family server = family_of(pid);
  counting = 1;
  uint64_t cpu_before = family_cpu_ns(&server), start = now_ns();
  while (now_ns() < start + window_ns) poll_once(100);
  counting = 0;
  double seconds = (double)(now_ns() - start) / 1e9;
  uint64_t cpu_used = family_cpu_ns(&server) - cpu_before;
  if (received == 0) wrong("nothing came");
  printf("{\"requests\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"bytesPerSecond\":%.0f,\"cpuNs\":%llu}\n",
         (unsigned long long)requests, (unsigned long long)received, seconds, (double)received / seconds,
         (unsigned long long)cpu_used);
}

int main(int count, char **arguments) {
  int checks = count == 5 && strcmp(arguments[4], "check") == 0;
  if (!checks && count != 6 && count != 7) {
    fprintf(stderr, "usage: %s PORT line|http FILE check, or %s PORT line|http FILE CONNECTIONS MILLISECONDS [PID]\n",
            arguments[0], arguments[0]);
    return 2;
  }
  long port = number(arguments[1], "PORT", 1, 65535);
  http = strcmp(arguments[2], "http") == 0;
  const char *name = strrchr(arguments[3], '/') == NULL ? arguments[3] : strrchr(arguments[3], '/') + 1;
  snprintf(request, sizeof request, http ? "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" : "%s\n", name);
  connection_count = checks ? 1 : number(arguments[4], "CONNECTIONS", 1, 10000);
  connections = calloc((size_t)connection_count, sizeof *connections);
  int file = open(arguments[3], O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (connections == NULL || file < 0 || fstat(file, &status) != 0) die(arguments[3]);
  file_bytes = (uint64_t)status.st_size;
  raise_file_limit();
  if (checks)
    check(port, file);
  else
    fetch(port, (uint64_t)number(arguments[5], "MILLISECONDS", 1, 3600000) * 1000000u,
          count == 7 ? number(arguments[6], "PID", 1, 1L << 30) : 0);
  return 0;
}
