// Immediate calls that only sockets of datagrams need: many messages at once, a peer, and options that are structures.
#include "call.h"
#include <sys/socket.h>
#include <sys/uio.h>

/** Most messages of one call; what is asked for beyond falls short, which the core continues. */
#define MESSAGES_MAX 1024

static bool message_inside(const struct mr_loop *loop, const struct msghdr *message) {
  const struct iovec *parts = message->msg_iov;
  if (message->msg_control || message->msg_controllen) return false;
  if (message->msg_name && !mr_inside(loop, (uint64_t)(uintptr_t)message->msg_name, message->msg_namelen)) return false;
  if (!message->msg_iovlen) return true;
  if ((uintptr_t)parts % 8 || message->msg_iovlen > UINT16_MAX) return false;
  if (!mr_inside(loop, (uint64_t)(uintptr_t)parts, message->msg_iovlen * sizeof *parts)) return false;
  for (size_t i = 0; i < message->msg_iovlen; i++)
    if (!mr_inside(loop, (uint64_t)(uintptr_t)parts[i].iov_base, parts[i].iov_len)) return false;
  return true;
}

/** Nothing is sent where one of the messages does not lie in the memory. */
int mr_call_sendmmsg(struct mr_loop *loop, const struct mr_call_record *call) {
  unsigned count = call->b < MESSAGES_MAX ? call->b : MESSAGES_MAX;
  uint64_t bytes = (uint64_t)count * sizeof(struct mmsghdr);
  if (call->a % 8 != 0 || call->a > loop->bytes || bytes > loop->bytes - call->a) return -EFAULT;
  struct mmsghdr *messages = (struct mmsghdr *)(void *)(loop->base + call->a);
  for (unsigned i = 0; i < count; i++)
    if (!message_inside(loop, &messages[i].msg_hdr)) return -EFAULT;
  int sent;
  do sent = sendmmsg(call->fd, messages, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return mr_result_of(sent);
}

int mr_call_connect(struct mr_loop *loop, const struct mr_call_record *call) {
  const void *address = mr_operand(loop, call->a, call->b);
  if (!address) return -EFAULT;
  int r;
  do r = connect(call->fd, address, call->b);
  while (r < 0 && errno == EINTR);
  return mr_result_of(r);
}

int mr_call_setsockopt_at(struct mr_loop *loop, const struct mr_call_record *call) {
  if (call->c < 0 || call->c > UINT32_MAX) return -EFAULT;
  const void *value = mr_operand(loop, (uint32_t)call->c, call->b);
  return value ? mr_result_of(setsockopt(call->fd, (int)(call->a >> 16), (int)(call->a & 0xffff), value, call->b))
               : -EFAULT;
}
