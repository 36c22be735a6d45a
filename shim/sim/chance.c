// Chance: one generator (SplitMix64, Steele, Lea and Flood 2014) for everything, and faults by probability or script.
#include "sim.h"

#define MILLION 1000000u

uint64_t sim_random(struct sim *sim) {
  uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

uint64_t sim_below(struct sim *sim, uint64_t limit) { return limit > 1 ? sim_random(sim) % limit : 0; }

uint64_t sim_while(struct sim *sim) {
  uint64_t most = SIM_US << sim_below(sim, 13);
  return most + sim_below(sim, most);
}

/** Counts an opportunity for every script that waits for this fault. */
static bool scripted(struct sim *sim, int fault) {
  bool hit = false;
  for (uint32_t i = 0; i < sim->script_count;) {
    if (sim->scripts[i].fault != fault || --sim->scripts[i].left > 0) {
      i++;
      continue;
    }
    sim->scripts[i] = sim->scripts[--sim->script_count];
    hit = true;
  }
  return hit;
}

bool sim_fault(struct sim *sim, int fault) {
  bool hit = sim->script_count && scripted(sim, fault);
  if (sim->per_million[fault] && sim_below(sim, MILLION) < sim->per_million[fault]) hit = true;
  if (hit) sim->stats[MR_SIM_STAT_FAULTS + fault]++;
  return hit;
}
