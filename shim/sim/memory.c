// The simulation's memory: powers of two out of one block. With AddressSanitizer, what is free is forbidden.
#include "sim.h"
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define HEADER 16u // keeps what follows aligned for anything
#define SMALLEST 6u

struct header {
  uint32_t class;
  uint32_t unused;
  uint64_t bytes; // asked for
};

_Static_assert(sizeof(struct header) == HEADER, "the header is as long as its place");

static uint32_t class_of(uint64_t bytes) {
  uint32_t class = SMALLEST;
  while ((UINT64_C(1) << class) < bytes) class ++;
  return class;
}

static struct header *header_of(const void *place) { return (struct header *)(void *)((uintptr_t)place - HEADER); }

void sim_heap_open(struct sim_heap *heap, void *block, uint64_t bytes) {
  *heap = (struct sim_heap){.block = block, .bytes = bytes};
}

void *sim_alloc(struct sim *sim, uint64_t bytes) {
  struct sim_heap *heap = &sim->heap;
  uint32_t class = class_of(bytes + HEADER);
  uint64_t size = UINT64_C(1) << class;
  struct header *header = heap->free[class];
  if (header) {
    ASAN_UNPOISON_MEMORY_REGION(header, HEADER + sizeof(void *));
    memcpy(&heap->free[class], header + 1, sizeof(void *));
  } else {
    if (class > 31 || size > heap->bytes - heap->used) __builtin_trap();
    header = (struct header *)(void *)(heap->block + heap->used);
    heap->used += size;
  }
  ASAN_POISON_MEMORY_REGION(header, size);
  ASAN_UNPOISON_MEMORY_REGION(header, HEADER + bytes);
  *header = (struct header){.class = class, .bytes = bytes};
  heap->live += size;
  memset(header + 1, 0, (size_t)bytes);
  return header + 1;
}

void sim_free(struct sim *sim, void *place) {
  if (!place) return;
  struct header *header = header_of(place);
  uint32_t class = header->class;
  sim->heap.live -= UINT64_C(1) << class;
  ASAN_UNPOISON_MEMORY_REGION(header, HEADER + sizeof(void *));
  memcpy(header + 1, &sim->heap.free[class], sizeof(void *));
  sim->heap.free[class] = header;
  ASAN_POISON_MEMORY_REGION(header, UINT64_C(1) << class);
}

uint64_t sim_capacity(const void *place) { return place ? header_of(place)->bytes : 0; }

void *sim_grow(struct sim *sim, void *place, uint64_t bytes) {
  uint64_t had = sim_capacity(place);
  if (bytes <= had) return place;
  void *grown = sim_alloc(sim, (UINT64_C(1) << class_of(bytes + HEADER)) - HEADER);
  if (had) memcpy(grown, place, (size_t)had);
  sim_free(sim, place);
  return grown;
}

void sim_heap_close(struct sim *sim, uint64_t bytes) {
  if (sim->heap.live != UINT64_C(1) << class_of(bytes + HEADER)) __builtin_trap(); // something was forgotten
  ASAN_UNPOISON_MEMORY_REGION(sim->heap.block, sim->heap.used);
}
