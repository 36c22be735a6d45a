// Zero-copy sends: the second completion, once the memory is the core's again, and whether it was left alone until
// then.
#include "sim.h"
#include <string.h>

/** A hash of the memory a send was made from. */
static uint64_t hash_of(struct sim *sim, const struct sim_op *op) {
  uint64_t kept = sim->digest, part[2] = {op->addr, op->len}, left = op->done;
  sim->digest = 0;
  bool gathered = op->opcode == MR_OP_SENDMSG_ZC;
  for (uint64_t i = 0; i < (gathered ? op->off : 1) && left; i++) {
    if (gathered) memcpy(part, mr_pointer(op->addr + i * sizeof part), sizeof part);
    uint64_t n = part[1] < left ? part[1] : left;
    sim_digest(sim, mr_pointer(part[0]), n);
    left -= n;
  }
  uint64_t hash = sim->digest;
  sim->digest = kept;
  return hash;
}

static void memory_is_free(struct sim *sim, struct sim_event *event) {
  struct sim_op *notice = SIM_OF(struct sim_op, event, event), **at = &sim->notices;
  while (*at != notice) at = &(*at)->next;
  *at = notice->next;
  if (hash_of(sim, notice) != notice->hash) sim->stats[MR_SIM_STAT_TORN_SENDS]++;
  bool copied = notice->ioprio & MR_SEND_ZC_REPORT_USAGE && notice->multishot;
  sim_post(sim, notice->user_data, copied ? (int32_t)MR_NOTIF_COPIED : 0, MR_CQE_FLAG_NOTIF);
  sim_op_free(sim, notice);
}

uint32_t sim_notice(struct sim *sim, struct sim_op *op) {
  struct sim_op *notice = sim_op_new(sim);
  const struct sim_conn *conn = op->file && op->file->end ? op->file->end->conn : NULL;
  *notice = *op;
  memset(&notice->event, 0, sizeof notice->event);
  op->state &= ~SIM_OP_OWNED; // the operands go on with the notice
  notice->link = notice->same = notice->guards = NULL;
  notice->file = NULL;
  notice->multishot = !conn || !conn->outside; // between two sockets of one machine everything is copied
  notice->hash = hash_of(sim, notice);
  notice->event.fire = memory_is_free;
  notice->next = sim->notices;
  sim->notices = notice;
  sim_schedule(sim, &notice->event, sim->now + (conn ? 2 * sim_latency(sim, conn) : 0));
  return MR_CQE_FLAG_MORE;
}
