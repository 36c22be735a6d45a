// Bytes on their way in one direction: chunks that hold them, and segments that say when how many of them arrive.
#include "sim.h"
#include <string.h>

#define CHUNK_BYTES_MIN 200u
#define CHUNK_BYTES_MAX 65000u

struct sim_chunk {
  struct sim_chunk *next;
  uint32_t start, end, capacity;
  uint8_t bytes[];
};

static struct sim_chunk *chunk_new(struct sim *sim, uint32_t wanted) {
  uint32_t capacity = wanted < CHUNK_BYTES_MIN ? CHUNK_BYTES_MIN : sim_min(wanted, CHUNK_BYTES_MAX);
  struct sim_chunk *chunk = sim_alloc(sim, sizeof *chunk + capacity);
  chunk->capacity = capacity;
  return chunk;
}

void sim_stream_put(struct sim *sim, struct sim_stream *stream, const void *bytes, uint32_t length) {
  const uint8_t *from = bytes;
  stream->queued += length;
  while (length) {
    struct sim_chunk *last = stream->last;
    if (!last || last->end == last->capacity) {
      struct sim_chunk *chunk = chunk_new(sim, length);
      if (last)
        last->next = chunk;
      else
        stream->first = chunk;
      stream->last = last = chunk;
    }
    uint32_t n = sim_min(length, last->capacity - last->end);
    memcpy(last->bytes + last->end, from, n);
    last->end += n;
    from += n;
    length -= n;
  }
}

void sim_stream_get(struct sim *sim, struct sim_stream *stream, void *bytes, uint32_t length) {
  uint8_t *to = bytes;
  stream->queued -= length;
  stream->arrived -= length;
  while (length) {
    struct sim_chunk *first = stream->first;
    uint32_t n = sim_min(length, first->end - first->start);
    memcpy(to, first->bytes + first->start, n);
    first->start += n;
    to += n;
    length -= n;
    if (first->start < first->end) continue;
    stream->first = first->next;
    if (!stream->first) stream->last = NULL;
    sim_free(sim, first);
  }
}

void sim_stream_peek(const struct sim_stream *stream, void *bytes, uint32_t length) {
  uint8_t *to = bytes;
  for (const struct sim_chunk *chunk = stream->first; length; chunk = chunk->next) {
    uint32_t n = sim_min(length, chunk->end - chunk->start);
    memcpy(to, chunk->bytes + chunk->start, n);
    to += n;
    length -= n;
  }
}

void sim_stream_clear(struct sim *sim, struct sim_stream *stream) {
  for (struct sim_chunk *chunk = stream->first, *next; chunk; chunk = next) {
    next = chunk->next;
    sim_free(sim, chunk);
  }
  stream->first = stream->last = NULL;
  stream->queued = stream->arrived = 0;
}

void sim_stream_lose(struct sim *sim, struct sim_stream *stream) {
  uint32_t kept = stream->arrived;
  struct sim_chunk **at = &stream->first;
  stream->last = NULL;
  while (*at && kept) {
    struct sim_chunk *chunk = *at;
    uint32_t n = sim_min(kept, chunk->end - chunk->start);
    chunk->end = chunk->start + n;
    kept -= n;
    stream->last = chunk;
    at = &chunk->next;
  }
  for (struct sim_chunk *chunk = *at, *next; chunk; chunk = next) {
    next = chunk->next;
    sim_free(sim, chunk);
  }
  *at = NULL;
  stream->queued = stream->arrived;
  sim_segments_clear(sim, stream);
}

// Segments

void sim_segment_add(struct sim *sim, struct sim_stream *stream, uint64_t at, uint32_t length, int kind) {
  struct sim_segment *segment = sim_alloc(sim, sizeof *segment);
  if (at < stream->last_at) at = stream->last_at; // nothing overtakes what was sent before it
  stream->last_at = at;
  *segment = (struct sim_segment){.at = at, .length = length, .kind = kind};
  if (stream->segments)
    stream->segments_last->next = segment;
  else {
    stream->segments = segment;
    sim_schedule(sim, &stream->event, at);
  }
  stream->segments_last = segment;
}

bool sim_segment_take(struct sim *sim, struct sim_stream *stream, uint32_t *length, int *kind) {
  struct sim_segment *segment = stream->segments;
  if (!segment) return false;
  if (segment->at > sim->now) {
    sim_schedule(sim, &stream->event, segment->at);
    return false;
  }
  *length = segment->length;
  *kind = segment->kind;
  stream->segments = segment->next;
  sim_free(sim, segment);
  return true;
}

void sim_segments_clear(struct sim *sim, struct sim_stream *stream) {
  for (struct sim_segment *segment = stream->segments, *next; segment; segment = next) {
    next = segment->next;
    sim_free(sim, segment);
  }
  stream->segments = stream->segments_last = NULL;
  sim_unschedule(sim, &stream->event);
}
