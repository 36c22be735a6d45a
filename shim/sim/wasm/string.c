// The few functions of <string.h> that the simulated kernel calls, for sim.wasm, which links no library: copying and
// filling are instructions there.
#include <string.h>

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < bytes; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

void *memchr(const void *place, int byte, size_t bytes) {
  const unsigned char *x = place;
  for (size_t i = 0; i < bytes; i++)
    if (x[i] == (unsigned char)byte) return (void *)(x + i);
  return NULL;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}
