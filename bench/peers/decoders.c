// The decoders of assembly/codec in C, over the same bytes and into the same records: the distance to the limit.
// Prints one line per case: its name, a tab, nanoseconds per frame (the median of several runs).
#include <emmintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK 65536
#define RUNS 41
#define REPEAT 400

struct record {
  uint32_t at, length, kind, extra;
};

static struct record records[BLOCK];
static uint8_t block[BLOCK];

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** Where a loop must not be optimised away. */
static void clobber(void) { __asm__ volatile("" : : : "memory"); }

static size_t length_field(const uint8_t *base, size_t length, uint64_t most) {
  const uint8_t *at = base, *end = base + length;
  struct record *to = records;
  while (end - at >= 2) {
    uint64_t whole = (uint64_t)(at[0] << 8 | at[1]) + 2;
    if (whole > most || (uint64_t)(end - at) < whole) break;
    *to++ = (struct record){(uint32_t)(at - base) + 2, (uint32_t)whole - 2, 0, 0};
    at += whole;
  }
  return (size_t)(to - records);
}

static uint64_t newlines(const uint8_t *at) {
  const __m128i lf = _mm_set1_epi8('\n');
  uint64_t bits = 0;
  for (int i = 0; i < 4; i++) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
    bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, lf)) << (16 * i);
  }
  return bits;
}

static size_t lines(const uint8_t *base, size_t length, uint64_t most) {
  struct record *to = records;
  uint32_t start = 0;
  for (uint32_t at = 0; at + 64 <= length; at += 64) {
    for (uint64_t bits = newlines(base + at); bits; bits &= bits - 1) {
      uint32_t found = at + (uint32_t)__builtin_ctzll(bits);
      uint32_t size = found - start;
      if (size && base[found - 1] == '\r') size--;
      if (size > most) return 0;
      *to++ = (struct record){start, size, 0, 0};
      start = found + 1;
    }
  }
  return (size_t)(to - records);
}

/** A number and its CRLF; returns what is behind, null where it is not one. */
static const uint8_t *number(const uint8_t *at, const uint8_t *end, uint32_t *value) {
  uint32_t sum = 0;
  while (at < end && *at != '\r') {
    if ((unsigned)(*at - '0') > 9) return NULL;
    sum = sum * 10 + (uint32_t)(*at++ - '0');
  }
  *value = sum;
  return end - at >= 2 && at[1] == '\n' ? at + 2 : NULL;
}

static size_t resp(const uint8_t *base, size_t length, uint64_t most) {
  const uint8_t *at = base, *end = base + length;
  struct record *to = records;
  size_t commands = 0;
  while (at < end && *at == '*') {
    const uint8_t *first = at;
    struct record *frame = to++;
    uint32_t words, size;
    if (!(at = number(at + 1, end, &words))) return 0;
    for (uint32_t i = 0; i < words; i++) {
      if (at >= end || *at != '$' || !(at = number(at + 1, end, &size))) return 0;
      if (size > most || (size_t)(end - at) < size + 2u || at[size] != '\r' || at[size + 1] != '\n') return 0;
      *to++ = (struct record){(uint32_t)(at - base), size, '$', 0};
      at += size + 2;
    }
    *frame = (struct record){(uint32_t)(first - base), (uint32_t)(at - first), 0, words};
    commands++;
  }
  return commands;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef size_t decoder(const uint8_t *, size_t, uint64_t);

static void report(const char *name, decoder *decode, const char *frame, size_t bytes) {
  size_t units = BLOCK / bytes, length = units * bytes;
  for (size_t i = 0; i < units; i++) memcpy(block + i * bytes, frame, bytes);
  double runs[RUNS];
  for (int run = 0; run < RUNS; run++) {
    uint64_t began = now_ns();
    for (int i = 0; i < REPEAT; i++) {
      clobber();
      if (decode(block, length, 65536) != units) exit(1);
      clobber();
    }
    runs[run] = (double)(now_ns() - began) / (double)(units * REPEAT);
  }
  qsort(runs, RUNS, sizeof *runs, by_value);
  printf("%s\t%.3f\n", name, runs[RUNS / 2]);
}

int main(void) {
  char frame[64];
  memset(frame, 'x', sizeof frame);
  frame[0] = 0;
  frame[1] = 62;
  report("length field, frames of 64 B, into records", length_field, frame, 64);
  memset(frame, 'x', sizeof frame);
  frame[63] = '\n';
  report("lines of 64 B", lines, frame, 64);
  frame[15] = '\n';
  report("lines of 16 B", lines, frame, 16);
  const char set[] = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$3\r\nxyz\r\n";
  report("RESP pipeline of SET, 16-byte keys", resp, set, sizeof set - 1);
  return 0;
}
