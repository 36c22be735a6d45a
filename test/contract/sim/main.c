// Random programs against the simulated kernel with random faults: every SQE ends exactly once, the bytes of a stream
// arrive once and in order, nothing comes after the end, the same seed gives the same run, nothing is forgotten.
// Arguments: first seed, number of seeds, turns of each. A failure prints its seed and aborts.
#include "actors.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void faults(struct world *w) {
  if (pick(w, 4) == 0) return; // fair weather
  uint32_t storm = pick(w, 5) == 0 ? 200000u : 20000u;
  for (int fault = 0; fault < MR_SIM_FAULTS; fault++) {
    bool ends = fault == MR_SIM_FAULT_RESET || fault == MR_SIM_FAULT_PIPE || fault == MR_SIM_FAULT_HALF_CLOSE;
    uint32_t most = ends ? storm / 20 : storm;
    if (pick(w, 2) && mr_sim_fault(w->loop, fault, (uint32_t)pick(w, most)) != 0) fail(w, "fault", fault, 0);
  }
}

/** → the digest of the run. */
static uint64_t play(uint64_t seed, uint32_t turns) {
  static struct actors actors;
  static struct world world;
  struct world *w = &world;
  world_open(w, seed, seed % 3 == 0);
  if (mr_sim_seed(w->loop, (uint32_t)seed, (uint32_t)(seed >> 32)) != 0) fail(w, "seed", 0, 0);
  if (mr_sim_window(w->loop, 2u << pick(w, 15)) != 0) fail(w, "window", 0, 0);
  mr_sim_features(w->loop, (uint32_t)pick(w, 32));
  actors_open(&actors, w);
  faults(w);
  for (uint32_t turn = 0; turn < turns; turn++) actors_turn(&actors);
  for (int fault = 0; fault < MR_SIM_FAULTS; fault++) mr_sim_fault(w->loop, fault, 0);
  mr_sim_partition(w->loop, 0, 0);
  actors_close(&actors);
  if (w->pending) fail(w, "SQEs without an end", w->pending, 0);
  if (mr_sim_stat(w->loop, MR_SIM_STAT_OPS) != 0) fail(w, "ops that wait", mr_sim_stat(w->loop, MR_SIM_STAT_OPS), 0);
  int open = mr_sim_stat(w->loop, MR_SIM_STAT_DESCRIPTORS);
  if (open != 0) fail(w, "open descriptors", open, 0);
  if (mr_sim_stat(w->loop, MR_SIM_STAT_TORN_SENDS) != 0) fail(w, "memory changed under a send", 0, 0);
  uint64_t digest = world_digest(w);
  world_close(w);
  return digest;
}

static uint64_t number(int argc, char **argv, int at, uint64_t otherwise) {
  return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
  uint64_t first = number(argc, argv, 1, 1), seeds = number(argc, argv, 2, 40), turns = number(argc, argv, 3, 400);
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    uint64_t digest = play(seed, (uint32_t)turns), again = play(seed, (uint32_t)turns);
    if (digest != again) {
      printf("seed %" PRIu64 ": %016" PRIx64 " and then %016" PRIx64 "\n", seed, digest, again);
      return 1;
    }
    if (argc > 4) printf("%" PRIu64 " %016" PRIx64 "\n", seed, digest);
  }
  return 0;
}
