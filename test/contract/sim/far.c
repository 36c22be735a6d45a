// Peers outside of the loop.
#include "actors.h"

static struct far *begin(struct actors *a, int number) {
  if (number < 0) return NULL;
  for (int i = 0; i < FARS; i++) {
    struct far *far = &a->fars[i];
    if (far->used) continue;
    *far = (struct far){.used = true, .number = number};
    far->end.out = stream_new(a->w);
    return far;
  }
  mr_sim_close(a->w->loop, number);
  return NULL;
}

static bool has_room(const struct actors *a) { return a->w->stream_count + 4 <= STREAMS_MAX; }

void far_connect(struct actors *a) {
  if (!has_room(a)) return;
  int number = mr_sim_connect(a->w->loop, PORT_LOOP);
  if (number < 0 && number != -MR_EAGAIN) fail(a->w, "a peer cannot connect", number, 0);
  begin(a, number);
}

void far_accept(struct actors *a) {
  if (has_room(a)) begin(a, mr_sim_accept(a->w->loop, PORT_REMOTE));
}

static void send(struct actors *a, struct far *far) {
  struct world *w = a->w;
  struct stream *stream = &w->streams[far->end.out];
  uint32_t length = 1 + (uint32_t)pick(w, SEND_BYTES);
  if (stream->sent == 0 && length < 4) length = 4;
  stream_fill(w, far->end.out, stream->sent, w->memory + a->scratch, length);
  int n = mr_sim_send(w->loop, far->number, a->scratch, length);
  if (n > 0)
    stream->offered = stream->sent += (uint32_t)n;
  else if (n != -MR_EAGAIN)
    end_broke(w, &far->end);
}

static void receive(struct actors *a, struct far *far) {
  struct world *w = a->w;
  int n = mr_sim_recv(w->loop, far->number, a->scratch, 1 + (uint32_t)pick(w, 5000));
  if (n > 0)
    end_received(w, &far->end, w->memory + a->scratch, (uint32_t)n);
  else if (n == 0)
    end_ended(w, &far->end);
  else if (n != -MR_EAGAIN)
    end_broke(w, &far->end);
}

void far_close(struct actors *a, struct far *far) {
  end_broke(a->w, &far->end); // what is not read now, nobody reads
  if (mr_sim_close(a->w->loop, far->number) != 0) fail(a->w, "a peer cannot close", far->number, 0);
  far->used = false;
}

void far_act(struct actors *a, struct far *far) {
  struct world *w = a->w;
  if (!far->used) return;
  uint64_t choice = pick(w, 60);
  if (choice < 25 && !far->shut) return send(a, far);
  if (choice < 55 && !far->end.ended) return receive(a, far);
  if (choice == 55 && !far->shut) {
    mr_sim_shutdown(w->loop, far->number);
    far->shut = true;
  }
  if (choice == 56 && pick(w, 3) == 0) {
    end_broke(w, &far->end);
    mr_sim_reset(w->loop, far->number);
    far_close(a, far);
  }
  if (choice == 57 && far->end.ended && far->shut) far_close(a, far);
}
