/*
 * Every map, once. Each object that includes this file declares all of them; the loader creates them one
 * time, pins them under <pin root>/<abi>-<generation>/maps/ and hands the same descriptors to every object.
 * Keys and values: include/abi.h. "agent" writes from user space, "worker" is a thread of sluice-proxy.
 */
#ifndef SLUICE_MAPS_H
#define SLUICE_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define SLUICE_HASH(name_, key_, value_, max_) \
  struct {                                     \
    __uint(type, BPF_MAP_TYPE_HASH);           \
    __uint(max_entries, max_);                 \
    __uint(map_flags, BPF_F_NO_PREALLOC);      \
    __type(key, key_);                         \
    __type(value, value_);                     \
  } name_ SEC(".maps")

/* A hash that never allocates in the hook: the two flow maps must not fail for want of memory. */
#define SLUICE_FIXED_HASH(name_, key_, value_, max_) \
  struct {                                           \
    __uint(type, BPF_MAP_TYPE_HASH);                 \
    __uint(max_entries, max_);                       \
    __type(key, key_);                               \
    __type(value, value_);                           \
  } name_ SEC(".maps")

#define SLUICE_ARRAY(name_, value_, flags_) \
  struct {                                  \
    __uint(type, BPF_MAP_TYPE_ARRAY);       \
    __uint(max_entries, 1);                 \
    __uint(map_flags, flags_);              \
    __type(key, __u32);                     \
    __type(value, value_);                  \
  } name_ SEC(".maps")

/* workload id -> its settings. Writer: agent. Readers: all programs. */
SLUICE_HASH(workloads, __u32, struct sluice_workload, SLUICE_MAX_WORKLOADS);
/* netns cookie -> workload id. Writer: agent. Reader: connect. */
SLUICE_HASH(netns_workloads, __u64, __u32, SLUICE_MAX_WORKLOADS);
/* addresses of a mesh. Writer: agent. Reader: connect. */
SLUICE_HASH(destinations, struct sluice_destination_key, __u32, SLUICE_MAX_DESTINATIONS);
/* declared outbounds of a workload. Writer: agent. Reader: connect. */
SLUICE_HASH(outbounds, struct sluice_outbound_key, __u32, SLUICE_MAX_OUTBOUNDS);
/* own addresses of a namespace. Writer: agent. Readers: connect, sk_lookup. */
SLUICE_HASH(local_addrs, struct sluice_local_key, __u32, SLUICE_MAX_LOCAL_ADDRS);
/* DNS servers that pass under passthrough none. Writer: agent. Readers: connect, guard. */
SLUICE_HASH(resolvers, struct sluice_addr, __u32, 256);
/* addresses that the host namespace's sk_lookup steers. Writer: agent. Reader: sk_lookup in host mode. */
SLUICE_HASH(host_inbounds, struct sluice_host_inbound_key, __u32, SLUICE_MAX_WORKLOADS);
/* cgroup id -> SLUICE_CGROUP_*. Writer: agent. Readers: connect, sockops. */
SLUICE_HASH(cgroup_roles, __u64, __u32, 1024);
/* ifindex of the host side of a workload's veth -> workload id. Writer: agent. Reader: guard. */
SLUICE_HASH(guards, __u32, __u32, SLUICE_MAX_GUARDS);

/* exclusions and allowed prefixes of a workload. Writer: agent. Readers: connect, guard. */
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, SLUICE_MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct sluice_prefix_key);
  __type(value, struct sluice_prefix);
} prefixes SEC(".maps");

/* connections between connect() and ESTABLISHED. Writer: sockops. Readers: sk_lookup, guard. */
SLUICE_FIXED_HASH(flows, struct sluice_flow_key, struct sluice_flow, SLUICE_MAX_FLOWS);
/* the same for health probes, netns cookie 0. Writer: sockops. Reader: sk_lookup. */
SLUICE_FIXED_HASH(probes, struct sluice_flow_key, struct sluice_flow, 4096);
/* Writers: sockops; agent, through mmap, when it sweeps. Reader: connect. */
SLUICE_ARRAY(flow_count, struct sluice_flow_count, BPF_F_MMAPABLE);

/* (workload, slot) -> listening socket. Writer: agent. Reader: sk_lookup. */
struct {
  __uint(type, BPF_MAP_TYPE_SOCKHASH);
  __uint(max_entries, 2 * SLUICE_MAX_WORKLOADS);
  __type(key, struct sluice_listener_key);
  __type(value, __u64);
} listeners SEC(".maps");

/* Writer: worker, through mmap. Readers: connect, sk_lookup. */
SLUICE_ARRAY(heartbeat, struct sluice_heartbeat, BPF_F_MMAPABLE);
/* Writer and reader: agent. */
SLUICE_ARRAY(owner, struct sluice_owner, 0);

/* Writers: all programs. Reader: agent, which sums the CPUs. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 32768);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct sluice_verdict_key);
  __type(value, __u64);
} verdicts SEC(".maps");

/* struct sluice_event. Writers: connect, sockops, sk_lookup, guard. Reader: agent. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* Writers: connect, sockops. Readers: they and guard. Lives and dies with the socket. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct sluice_socket_note);
} socket_notes SEC(".maps");

#endif
