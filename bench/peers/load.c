// A closed-loop load generator for echo servers: every connection sends DEPTH messages of SIZE bytes, waits until
// exactly those bytes are back, and sends the next. Prints one JSON object: requests, requests per second, latency of a
// batch and, given the server's pid, the CPU time that all its threads and children used in the same window. Usage:
// load PORT CONNECTIONS SIZE DEPTH MILLISECONDS [PID [length4]]
// With length4 each message begins with the length of its rest, 4 bytes big-endian.
#include "bench.h"
#include "cpu.h"

#include <fcntl.h>
#include <sys/epoll.h>

#define PATIENCE_S 20
#define PATIENCE_NS (PATIENCE_S * 1000000000ull)

enum { EVENTS = 512, READ_BYTES = 256 * 1024, SUB_BUCKETS = 64, BUCKETS = 64 * SUB_BUCKETS };

struct connection {
  int fd;
  size_t to_send, to_receive; // bytes of the batch in flight
  uint64_t sent_at_ns;
  int answered; // once at least
};

static struct connection *connections;
static long connection_count, depth;
static char *batch;
static size_t batch_bytes;
static int epoll_fd;
static uint64_t histogram[BUCKETS]; // of nanoseconds: 64 linear steps within each power of two, so at most 1.6 % off
static uint64_t requests;
static int counting, stopping;
static long busy;     // connections with a batch in flight
static long answered; // connections whose first batch came back

static size_t bucket_of(uint64_t ns) {
  if (ns < SUB_BUCKETS) return (size_t)ns;
  unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 6u;
  return (size_t)((shift + 1) * SUB_BUCKETS + ((ns >> shift) - SUB_BUCKETS));
}

static double bucket_us(size_t bucket) {
  if (bucket < SUB_BUCKETS) return (double)bucket / 1e3;
  size_t shift = bucket / SUB_BUCKETS - 1;
  return (double)((uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift) / 1e3;
}

static double percentile_us(double share) {
  uint64_t total = 0, seen = 0;
  for (size_t i = 0; i < BUCKETS; i++) total += histogram[i];
  for (size_t i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (seen > 0 && (double)seen >= share * (double)total) return bucket_us(i);
  }
  return 0;
}

static void watch(int operation, long index, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)index};
  if (epoll_ctl(epoll_fd, operation, connections[index].fd, &event) != 0) die("epoll_ctl");
}

static void send_rest(long index) {
  struct connection *c = &connections[index];
  ssize_t sent = send(c->fd, batch + (batch_bytes - c->to_send), c->to_send, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) die("send");
  size_t before = c->to_send;
  if (sent > 0) c->to_send -= (size_t)sent;
  int was_waiting = before < batch_bytes;
  if (c->to_send > 0)
    watch(EPOLL_CTL_MOD, index, EPOLLIN | EPOLLOUT);
  else if (was_waiting)
    watch(EPOLL_CTL_MOD, index, EPOLLIN);
}

static void send_batch(long index) {
  struct connection *c = &connections[index];
  c->to_send = c->to_receive = batch_bytes;
  c->sent_at_ns = now_ns();
  busy++;
  send_rest(index);
}

static void receive(long index) {
  static char buffer[READ_BYTES];
  struct connection *c = &connections[index];
  ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got < 0) die("recv");
  if (got == 0) {
    fprintf(stderr, "the server closed connection %ld\n", index);
    exit(1);
  }
  size_t length = (size_t)got;
  size_t sent = batch_bytes - c->to_send, back = batch_bytes - c->to_receive;
  if (length > sent - back || memcmp(buffer, batch + back, length) != 0) {
    fprintf(stderr, "connection %ld: %zu bytes after %zu of %zu are not the echo of what was sent\n", index, length,
            back, sent);
    exit(1);
  }
  c->to_receive -= length;
  if (c->to_receive > 0) return;
  busy--;
  answered += !c->answered;
  c->answered = 1;
  if (counting) {
    requests += (uint64_t)depth;
    histogram[bucket_of(now_ns() - c->sent_at_ns)]++;
  }
  if (!stopping) send_batch(index);
}

static void poll_once(int timeout_ms) {
  static struct epoll_event events[EVENTS];
  int ready = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
  if (ready < 0 && errno != EINTR) die("epoll_wait");
  for (int i = 0; i < ready; i++) {
    long index = (long)events[i].data.u64;
    if (events[i].events & EPOLLOUT) send_rest(index);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(index);
  }
}

static void connect_all(long port) {
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, port);
  for (long i = 0; i < connection_count; i++) {
    int fd = connections[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    no_delay(fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    watch(EPOLL_CTL_ADD, i, EPOLLIN);
  }
}

/** Lets the batches in flight come home, and then expects silence: an echo of more bytes than were sent is an error. */
static void finish(void) {
  stopping = 1;
  uint64_t deadline = now_ns() + PATIENCE_NS;
  while (busy > 0 && now_ns() < deadline) poll_once(100);
  if (busy > 0) {
    fprintf(stderr, "%ld connections still wait for their echo after %d s\n", busy, PATIENCE_S);
    exit(1);
  }
  poll_once(20);
}

int main(int count, char **arguments) {
  int framed = count == 8 && strcmp(arguments[7], "length4") == 0;
  if (count != 6 && count != 7 && !framed) {
    fprintf(stderr, "usage: %s PORT CONNECTIONS SIZE DEPTH MILLISECONDS [PID [length4]]\n", arguments[0]);
    return 2;
  }
  long port = number(arguments[1], "PORT", 1, 65535);
  connection_count = number(arguments[2], "CONNECTIONS", 1, 100000);
  long size = number(arguments[3], "SIZE", framed ? 4 : 1, 1 << 24);
  depth = number(arguments[4], "DEPTH", 1, 4096);
  uint64_t window_ns = (uint64_t)number(arguments[5], "MILLISECONDS", 1, 3600000) * 1000000u;
  long pid = count >= 7 ? number(arguments[6], "PID", 1, 1L << 30) : 0;

  raise_file_limit();
  batch_bytes = (size_t)size * (size_t)depth;
  batch = malloc(batch_bytes);
  connections = calloc((size_t)connection_count, sizeof *connections);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (batch == NULL || connections == NULL || epoll_fd < 0) die("setup");
  for (size_t i = 0; i < batch_bytes; i++) batch[i] = (char)('!' + (i * 7 + i / 64) % 90);
  for (size_t at = 0; framed && at < batch_bytes; at += (size_t)size) {
    uint32_t rest = htonl((uint32_t)size - 4);
    memcpy(batch + at, &rest, sizeof rest);
  }
  connect_all(port);

  for (long i = 0; i < connection_count; i++) send_batch(i);
  uint64_t patient_until = now_ns() + PATIENCE_NS;
  while (answered < connection_count && now_ns() < patient_until) poll_once(100); // it may start a thread for each
  if (answered < connection_count) {
    fprintf(stderr, "%ld connections were never answered\n", connection_count - answered);
    return 1;
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
  finish();
  printf(
      "{\"requests\":%llu,\"seconds\":%.6f,\"requestsPerSecond\":%.1f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"cpuNs\":%llu}\n",
      (unsigned long long)requests, seconds, (double)requests / seconds, percentile_us(0.5), percentile_us(0.99),
      (unsigned long long)cpu_used);
  if (requests > 0) return 0;
  fprintf(stderr, "no request was answered within the time\n");
  return 1;
}
