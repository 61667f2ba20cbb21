/*
 * The decision of the connect hook, and nothing else: workload + facts -> verdict. Pure (no helper, no map,
 * no clock), so that tests/unit/kernel compiles the very same text natively and tries every combination.
 *
 * Order of the rules (first match wins):
 *   1. Sluice's own socket              pass   own_socket
 *   2. excluded prefix                  pass   excluded
 *   3. declared outbound (TCP)          take   captured_outbound   loopback addresses included (Kuma's
 * default)
 *   4. loopback or unspecified address  pass   loopback
 *   5. one of the own addresses         pass   self_call
 *   6. address of the mesh (TCP)        take   captured_outbound
 *   7. configured resolver, port 53     pass   resolver
 *   8. allowed prefix                   pass   passthrough
 *   9. passthrough all                  pass   passthrough
 *  10. everything else                  deny   passthrough_denied, udp_denied
 * A capture while no worker beats follows the workload's fail mode.
 *
 * sk_lookup knows a captured connection of a namespace by itself (it arrives on lo and is for somebody else),
 * so only one whose address is local, or of a host process, is noted.
 */
#ifndef SLUICE_DECIDE_H
#define SLUICE_DECIDE_H

#include "abi.h"

#define SLUICE_ACTION_PASS 0
#define SLUICE_ACTION_CAPTURE 1
#define SLUICE_ACTION_DENY 2

#define SLUICE_IPPROTO_TCP 6
#define SLUICE_IPPROTO_UDP 17

#define SLUICE_PREFIX_NO_MATCH 255

struct sluice_facts {
  __u8 tcp;      /* 1: TCP, 0: UDP or another protocol */
  __u8 own;      /* the socket's cgroup is Sluice's */
  __u8 host;     /* a workload known by its cgroup: its namespace is others' too */
  __u8 loopback; /* 127.0.0.0/8, ::1, 0.0.0.0 or :: (the kernel turns the last two into loopback) */
  __u8 local;    /* the workload's own address */
  __u8 outbound; /* declared outbound of the workload */
  __u8 mesh;     /* address of the workload's mesh */
  __u8 resolver; /* configured resolver and port 53 */
  __u8 prefix;   /* SLUICE_PREFIX_EXCLUDE, SLUICE_PREFIX_ALLOW or SLUICE_PREFIX_NO_MATCH */
  __u8 alive;    /* a worker has beaten within SLUICE_HEARTBEAT_TIMEOUT_NS */
  __u8 full;     /* no room to note another flow */
};

struct sluice_verdict {
  __u8 action; /* SLUICE_ACTION_* */
  __u8 flow;   /* SLUICE_FLOW_* to note, 0 = none */
  __u8 refuse; /* with DENY: SLUICE_DENY_* */
  __u8 reason; /* enum sluice_reason */
};
SLUICE_ABI_ASSERT(SLUICE_REASON_COUNT < 256); /* a verdict carries the reason in one byte */

static inline struct sluice_verdict sluice_pass(__u8 flow, __u8 reason) {
  struct sluice_verdict verdict = {SLUICE_ACTION_PASS, flow, 0, reason};
  return verdict;
}

static inline struct sluice_verdict sluice_deny(__u8 refuse, __u8 reason) {
  struct sluice_verdict verdict = {SLUICE_ACTION_DENY, 0, refuse, reason};
  return verdict;
}

static inline struct sluice_verdict sluice_capture(const struct sluice_workload* workload,
                                                   const struct sluice_facts* facts) {
  if (!facts->alive) {
    if (workload->fail_mode == SLUICE_FAIL_OPEN)
      return sluice_pass(SLUICE_FLOW_PASS, SLUICE_REASON_fail_open);
    if (workload->fail_mode != SLUICE_FAIL_CLOSED)
      return sluice_deny(SLUICE_DENY_ECONNREFUSED, SLUICE_REASON_proxy_dead);
  }
  __u8 flow = 0;
  if (facts->host || facts->loopback || facts->local) flow = SLUICE_FLOW_CAPTURE;
  struct sluice_verdict verdict = {SLUICE_ACTION_CAPTURE, flow, 0, SLUICE_REASON_captured_outbound};
  return verdict;
}

static inline struct sluice_verdict sluice_decide_policy(const struct sluice_workload* workload,
                                                         const struct sluice_facts* facts) {
  if (facts->prefix == SLUICE_PREFIX_EXCLUDE) return sluice_pass(SLUICE_FLOW_PASS, SLUICE_REASON_excluded);
  if (facts->tcp && facts->outbound) return sluice_capture(workload, facts);
  /* Loopback SYNs meet neither guard nor inbound steering, so they need no note. */
  if (facts->loopback) return sluice_pass(0, SLUICE_REASON_loopback);
  if (facts->local) return sluice_pass(SLUICE_FLOW_PASS, SLUICE_REASON_self_call);
  if (facts->tcp && facts->mesh) return sluice_capture(workload, facts);
  if (facts->resolver) return sluice_pass(SLUICE_FLOW_PASS, SLUICE_REASON_resolver);
  if (facts->prefix == SLUICE_PREFIX_ALLOW || workload->passthrough == SLUICE_PASSTHROUGH_ALL)
    return sluice_pass(SLUICE_FLOW_PASS, SLUICE_REASON_passthrough);
  return sluice_deny(workload->deny,
                     facts->tcp ? SLUICE_REASON_passthrough_denied : SLUICE_REASON_udp_denied);
}

/* What connect() or sendmsg() of an enrolled workload's socket shall do. */
static inline struct sluice_verdict sluice_decide(const struct sluice_workload* workload,
                                                  const struct sluice_facts* facts) {
  struct sluice_verdict verdict;
  if (facts->own)
    verdict = sluice_pass(SLUICE_FLOW_OWN, SLUICE_REASON_own_socket);
  else
    verdict = sluice_decide_policy(workload, facts);
  if (!facts->tcp) verdict.flow = 0;
  /* What is captured needs room too: the proxy's own connection, which follows from it, must be noted. */
  if ((verdict.flow || verdict.action == SLUICE_ACTION_CAPTURE) && facts->full)
    return sluice_deny(SLUICE_DENY_ECONNREFUSED, SLUICE_REASON_map_full);
  return verdict;
}

/* The action of the first range that covers (port, protocol); ranges are sorted with exclusions first. */
static inline __u8 sluice_prefix_action(const struct sluice_prefix* prefix, __u16 port, __u8 proto) {
  for (__u32 i = 0; i < SLUICE_PREFIX_RANGES; i++) {
    const struct sluice_port_range* range = &prefix->ranges[i];
    if (i >= prefix->count) break;
    if ((range->protos & proto) && port >= range->first && port <= range->last) return range->action;
  }
  return SLUICE_PREFIX_NO_MATCH;
}

static inline int sluice_is_v4(const struct sluice_addr* addr) {
  for (int i = 0; i < 10; i++)
    if (addr->bytes[i]) return 0;
  return addr->bytes[10] == 0xff && addr->bytes[11] == 0xff;
}

/* Loopback, or an unspecified address, which connect() turns into loopback. */
static inline int sluice_is_loopback(const struct sluice_addr* addr) {
  if (sluice_is_v4(addr)) {
    const __u8* v4 = &addr->bytes[12];
    return v4[0] == 127 || (v4[0] | v4[1] | v4[2] | v4[3]) == 0;
  }
  for (int i = 0; i < 15; i++)
    if (addr->bytes[i]) return 0;
  return addr->bytes[15] <= 1;
}

/* A beat from the future (another CPU's clock read) counts as fresh. */
static inline int sluice_is_alive(__u64 now_ns, __u64 last_beat_ns) {
  return last_beat_ns != 0 &&
         (last_beat_ns >= now_ns || now_ns - last_beat_ns <= SLUICE_HEARTBEAT_TIMEOUT_NS);
}

#endif
