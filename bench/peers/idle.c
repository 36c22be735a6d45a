// Opens COUNT connections to 127.0.0.1:PORT that never say a word, prints "open COUNT" and holds them until its
// standard input ends. With `echo`, each sends one byte first and waits until it is back, so that the server is known
// to serve it. The source address changes every few thousand connections, so that ports do not run out. Usage: idle
// PORT COUNT [echo]
#include "bench.h"

enum { PER_ADDRESS = 5000, FIRST_HOST = 0x7f000101, BATCH = 500 }; // 127.0.1.1

/** One byte on each connection, there and back: all are sent before the first is waited for. */
static void echo(const int *fds, long count) {
  char byte = '.';
  struct timeval patience = {.tv_sec = 20};
  for (long i = 0; i < count; i++) {
    if (setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) die("SO_RCVTIMEO");
    if (send(fds[i], &byte, 1, MSG_NOSIGNAL) != 1) die("send");
  }
  for (long i = 0; i < count; i++) {
    ssize_t got = recv(fds[i], &byte, 1, 0);
    if (got < 0) die("recv");
    if (got == 1) continue;
    fprintf(stderr, "the server closed a connection\n");
    exit(1);
  }
}

int main(int count, char **arguments) {
  int echoes = count == 4 && strcmp(arguments[3], "echo") == 0;
  if (count != 3 && !echoes) {
    fprintf(stderr, "usage: %s PORT COUNT [echo]\n", arguments[0]);
    return 2;
  }
  struct sockaddr_in server = loopback(INADDR_LOOPBACK, number(arguments[1], "PORT", 1, 65535));
  long wanted = number(arguments[2], "COUNT", 1, 1000000);
  raise_file_limit();
  int batch[BATCH];
  long batched = 0;
  for (long i = 0; i < wanted; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    int on = 1;
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) die("IP_BIND_ADDRESS_NO_PORT");
    struct sockaddr_in source = loopback((uint32_t)(FIRST_HOST + i / PER_ADDRESS), 0);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0) die("bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) die("connect");
    batch[batched++] = fd;
    if (batched < BATCH && i + 1 < wanted) continue;
    if (echoes) echo(batch, batched);
    batched = 0;
  }
  printf("open %ld\n", wanted);
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  return 0;
}
