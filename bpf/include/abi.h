/*
 * The contract between the BPF programs and the agent: every key and value of every map.
 * Valid C11, C++20 and BPF C. Fixed-width types only, explicit padding that is always zero (hash keys compare
 * it), addresses are 16 bytes with IPv4 as ::ffff:a.b.c.d, byte order is in the field's name (_be = network
 * order).
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <linux/types.h>

#include "reasons.h"

#ifdef __cplusplus
#define SLUICE_ABI_ASSERT(cond) static_assert(cond, #cond)
#else
#define SLUICE_ABI_ASSERT(cond) _Static_assert(cond, #cond)
#endif

/* Part of the pin path; raised whenever anything below changes. */
#define SLUICE_ABI_VERSION 2

/* Limits that size the maps; limits.flows of the configuration overrides the flow maps at load. */
#define SLUICE_MAX_WORKLOADS 4096
#define SLUICE_MAX_DESTINATIONS 131072
#define SLUICE_MAX_OUTBOUNDS 65536
#define SLUICE_MAX_PREFIXES 16384
#define SLUICE_MAX_LOCAL_ADDRS 16384
#define SLUICE_MAX_FLOWS 65536
#define SLUICE_MAX_GUARDS 4096
#define SLUICE_PREFIX_RANGES 8
#define SLUICE_HEARTBEAT_TIMEOUT_NS 2000000000ULL

struct sluice_addr {
  __u8 bytes[16];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_addr) == 16);

/* enum-like constants; fields hold them as __u8 */
#define SLUICE_FAIL_CLOSED_FAST 0 /* refuse in connect() with ECONNREFUSED */
#define SLUICE_FAIL_CLOSED 1      /* steer all the same; connections wait */
#define SLUICE_FAIL_OPEN 2        /* let it go direct */

#define SLUICE_PASSTHROUGH_NONE 0 /* only mesh destinations and allowed prefixes */
#define SLUICE_PASSTHROUGH_ALL 1

#define SLUICE_GUARD_OFF 0
#define SLUICE_GUARD_AUDIT 1
#define SLUICE_GUARD_ENFORCE 2

#define SLUICE_DENY_EPERM 0
#define SLUICE_DENY_ECONNREFUSED 1

/* value of map `workloads` (key: __u32 workload id > 0); written by agent, read by every program */
struct sluice_workload {
  __u32 id;
  __u32 mesh;           /* mesh id, scope of `destinations` */
  __u64 netns_cookie;   /* 0 for a host-cgroup workload */
  __u8 fail_mode;       /* SLUICE_FAIL_* */
  __u8 passthrough;     /* SLUICE_PASSTHROUGH_* */
  __u8 guard;           /* SLUICE_GUARD_* */
  __u8 deny;            /* SLUICE_DENY_* */
  __u8 capture_inbound; /* 1: sk_lookup steers new inbound connections */
  __u8 _pad[3];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_workload) == 24);

/* map `netns_workloads`: key __u64 netns cookie -> __u32 workload id; written by agent, read by connect,
 * sockops */

/* key of map `destinations`: addresses of the mesh; port_be 0 = any port; value __u32 (unused, 1) */
struct sluice_destination_key {
  __u32 mesh;
  __u16 port_be;
  __u16 _pad;
  struct sluice_addr addr;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_destination_key) == 24);

/* key of map `outbounds`: declared outbounds of one workload, loopback included; value __u32 (1) */
struct sluice_outbound_key {
  __u32 workload;
  __u16 port_be;
  __u16 _pad;
  struct sluice_addr addr;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_outbound_key) == 24);

/* `destinations` and `outbounds` hold at most as many entries as the limits above; all maps are written by
   the agent unless their comment says otherwise. */

/* key of LPM map `prefixes`: per workload; prefixlen counts the 32 bits of workload_be too (32 + 0..128) */
struct sluice_prefix_key {
  __u32 prefixlen;
  __u32 workload_be;
  struct sluice_addr addr;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_prefix_key) == 24);

#define SLUICE_PREFIX_EXCLUDE 0 /* never captured (reason excluded), beats everything but own sockets */
#define SLUICE_PREFIX_ALLOW 1   /* passes although passthrough is off (reason passthrough) */
#define SLUICE_PROTO_TCP 1
#define SLUICE_PROTO_UDP 2

struct sluice_port_range {
  __u16 first; /* host order, inclusive */
  __u16 last;
  __u8 action; /* SLUICE_PREFIX_* */
  __u8 protos; /* bit set of SLUICE_PROTO_* */
  __u8 _pad[2];
};
/* value of `prefixes`; the agent merges the ranges of shorter covering prefixes into longer ones: one lookup
 * decides */
struct sluice_prefix {
  __u32 count; /* <= SLUICE_PREFIX_RANGES */
  struct sluice_port_range ranges[SLUICE_PREFIX_RANGES];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_prefix) == 4 + 8 * SLUICE_PREFIX_RANGES);

/* key of map `local_addrs`: the workload namespace's own addresses; value __u32 (1); written by agent */
struct sluice_local_key {
  __u64 netns_cookie;
  struct sluice_addr addr;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_local_key) == 24);

/* map `resolvers`: key struct sluice_addr -> __u32 (1); DNS (port 53) to these passes under passthrough none
 */

/* kinds of a noted flow */
#define SLUICE_FLOW_CAPTURE 1 /* application -> proxy (outbound) */
#define SLUICE_FLOW_OWN 2     /* Sluice's own upstream connection */
#define SLUICE_FLOW_PASS 3    /* application, cleared by the connect hook to go direct */
#define SLUICE_FLOW_PROBE 4   /* kubelet probe */

/* key of map `flows`: written by sockops at TCP_CONNECT, removed when the handshake ends one way or the
   other; read by sk_lookup, guard. Probe flows live in the map `probes` with netns_cookie 0, since the prober
   sits in another namespace. */
struct sluice_flow_key {
  __u64 netns_cookie;
  struct sluice_addr local;
  struct sluice_addr remote;
  __u16 local_port_be;
  __u16 remote_port_be;
  __u32 _pad;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_flow_key) == 48);

struct sluice_flow {
  __u64 socket_cookie; /* only this socket may remove the entry */
  __u64 noted_at_ns;   /* CLOCK_MONOTONIC; the agent sweeps what is older than any handshake */
  __u32 workload;      /* for CAPTURE: whose listener */
  __u8 kind;           /* SLUICE_FLOW_* */
  __u8 _pad[3];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_flow) == 24);

/* key of SOCKHASH `listeners`: filled by agent with sockets made by the keeper; read by sk_lookup */
#define SLUICE_LISTENER_OUT 0
#define SLUICE_LISTENER_IN 1
struct sluice_listener_key {
  __u32 workload;
  __u32 slot; /* SLUICE_LISTENER_* */
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_listener_key) == 8);

/* key of map `host_inbounds`: (address, port) that the host-namespace sk_lookup steers; value __u32 workload
   id. addr all zero = any address. */
struct sluice_host_inbound_key {
  struct sluice_addr addr;
  __u16 port_be;
  __u16 _pad;
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_host_inbound_key) == 20);

/* map `cgroup_roles`: key __u64 cgroup id -> __u32 role; written by agent, read by connect, sockops */
#define SLUICE_CGROUP_OWN 1
#define SLUICE_CGROUP_PROBER 2

/* map `guards`: key __u32 ifindex of the host side -> __u32 workload id; written by agent, read by guard */

/* key and value (__u64, per CPU) of map `verdicts`; workload 0 = not attributed */
struct sluice_verdict_key {
  __u32 workload;
  __u32 reason; /* enum sluice_reason */
};

/* value of the one-slot, mmapable ARRAY `heartbeat`; workers write, connect reads (CLOCK_MONOTONIC) */
struct sluice_heartbeat {
  __u64 last_beat_ns;
};

/* record in ring buffer `events`: denials and failures only, so that explain knows what the proxy never saw
 */
struct sluice_event {
  __u64 time_ns; /* CLOCK_MONOTONIC */
  __u32 workload;
  __u32 reason;
  __u32 pid;
  __u16 local_port_be;
  __u16 remote_port_be;
  struct sluice_addr local;
  struct sluice_addr remote;
  __u8 protocol; /* IPPROTO_* */
  __u8 _pad[7];
  char comm[16];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_event) == 80);

/* value of the one-slot ARRAY `owner`, pinned beside the maps: who loaded this generation */
struct sluice_owner {
  __u32 abi_version;
  __u32 keeper_pid;
  __u64 loaded_at; /* CLOCK_REALTIME seconds */
  char node[64];   /* sluice.node of the instance, zero-terminated */
  char instance[64];
};

/* value of SK_STORAGE `socket_notes`: what the connect hook decided for this socket. Sluice's own sockets and
   captured ones that sk_lookup knows by themselves have none. */
struct sluice_socket_note {
  __u32 workload;
  __u32 previous_mark; /* the bits within our mask before we set ours; restored when a later connect() is not
                          captured */
  __u8 kind;           /* SLUICE_FLOW_*, 0 = none */
  __u8 by_cgroup; /* decided by a workload's own cgroup program: the namespace program must not override */
  __u8 _pad[2];
};
SLUICE_ABI_ASSERT(sizeof(struct sluice_socket_note) == 12);

/* value of the one-slot ARRAY `flow_count`: entries of `flows`; sockops adds and subtracts, connect
   refuses new connections (reason map_full) before the map can fill up, so that no connection ever goes
   unnoted */
struct sluice_flow_count {
  __u64 entries;
};
/* The last slots are kept for Sluice's own sockets, so that connections already captured can be finished. */
#define SLUICE_FLOWS_RESERVE(max) ((max) / 8)

#endif
