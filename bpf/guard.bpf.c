/*
 * The guard makes the connect hook's verdict a control: whatever leaves the workload by another way (raw and
 * packet sockets, a forged mark, a SYN from before enrolment, fragments) is dropped, or counted in audit
 * mode. sluice_guard         tc ingress (TCX or clsact) on the host side of a veth; workload by ifindex (map
 * `guards`) sluice_guard_cgroup  cgroup_skb/egress on a host-cgroup workload's own cgroup; packet sockets
 * pass below it
 *
 * TCP: a SYN without ACK must be noted OWN or PASS in `flows`. Bytes behind any other header must belong to
 * a socket of the workload that is connected, and under passthrough none to one that was judged: an answer
 * nobody asked for would otherwise carry data out with no SYN at all. Segments without bytes pass, since the
 * kernel sends them for sockets that are gone or never were (resets, SYN cookies). UDP, ICMP, others: by the
 * workload's passthrough mode. Errors, echo replies and neighbour discovery always pass.
 */
#include "packet.h"
#include "socket.h"

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

const volatile __u32 fixed_workload = 0;
const volatile __u64 fixed_netns_cookie = 0;
const volatile __s32 fixed_netns_number = -1; /* by which the host's namespace knows the workload's */

static __always_inline int is_loopback_packet(const struct sluice_packet* packet) {
  return sluice_is_loopback(&packet->destination);
}

/* Reason of the denial, or 0. */
static __always_inline __u32 judge_tcp(const struct sluice_packet* packet, __u64 cookie, int on_host) {
  if (packet->fragment) return SLUICE_REASON_guard_fragment;
  if (!(packet->flags & SLUICE_TCP_SYN) || (packet->flags & SLUICE_TCP_ACK)) return 0;
  if (on_host && is_loopback_packet(packet)) return 0;
  struct sluice_flow_key key = {.netns_cookie = cookie,
                                .local = packet->source,
                                .remote = packet->destination,
                                .local_port_be = packet->source_port_be,
                                .remote_port_be = packet->destination_port_be};
  struct sluice_flow* flow = bpf_map_lookup_elem(&flows, &key);
  if (!flow) return SLUICE_REASON_guard_syn;
  if (flow->kind == SLUICE_FLOW_OWN || flow->kind == SLUICE_FLOW_PASS) return 0;
  /* On the host's own path a captured SYN comes by on its way to lo; at a veth it means that the mark was
   * lost. */
  return on_host && flow->kind == SLUICE_FLOW_CAPTURE ? 0 : SLUICE_REASON_guard_syn;
}

/* A connection that may send: of the workload, and when egress is closed one that a hook has seen. */
static __always_inline int may_send(const struct sluice_workload* workload, struct bpf_sock* sk) {
  if (sk->state == BPF_TCP_LISTEN || sk->state == BPF_TCP_TIME_WAIT || sk->state == BPF_TCP_NEW_SYN_RECV)
    return 0;
  if (workload->passthrough == SLUICE_PASSTHROUGH_ALL) return 1;
  if (bpf_sk_storage_get(&socket_notes, sk, 0, 0)) return 1;
  return sluice_socket_role(sk) == SLUICE_CGROUP_OWN;
}

/* The socket is looked up as the answer to this segment would be. */
static __always_inline __u32 judge_segment(struct __sk_buff* skb, const struct sluice_workload* workload,
                                           const struct sluice_packet* packet) {
  struct bpf_sock_tuple tuple = {};
  __u32 size = sizeof(tuple.ipv6);
  if (sluice_is_v4(&packet->source)) {
    size = sizeof(tuple.ipv4);
    __builtin_memcpy(&tuple.ipv4.saddr, &packet->destination.bytes[12], 4);
    __builtin_memcpy(&tuple.ipv4.daddr, &packet->source.bytes[12], 4);
    tuple.ipv4.sport = packet->destination_port_be;
    tuple.ipv4.dport = packet->source_port_be;
  } else {
    __builtin_memcpy(tuple.ipv6.saddr, packet->destination.bytes, 16);
    __builtin_memcpy(tuple.ipv6.daddr, packet->source.bytes, 16);
    tuple.ipv6.sport = packet->destination_port_be;
    tuple.ipv6.dport = packet->source_port_be;
  }
  struct bpf_sock* sk = bpf_skc_lookup_tcp(skb, &tuple, size, fixed_netns_number, 0);
  if (!sk) return SLUICE_REASON_guard_segment;
  int allowed = may_send(workload, sk);
  bpf_sk_release(sk);
  return allowed ? 0 : SLUICE_REASON_guard_segment;
}

static __always_inline int allowed_by_prefix(__u32 workload, const struct sluice_packet* packet) {
  struct sluice_prefix_key key = {
      .prefixlen = 32 + 128, .workload_be = bpf_htonl(workload), .addr = packet->destination};
  struct sluice_prefix* found = bpf_map_lookup_elem(&prefixes, &key);
  if (!found) return 0;
  __u8 action = sluice_prefix_action(found, bpf_ntohs(packet->destination_port_be), SLUICE_PROTO_UDP);
  return action != SLUICE_PREFIX_NO_MATCH;
}

static __always_inline __u32 judge_udp(__u32 workload, const struct sluice_packet* packet) {
  if (packet->later_fragment) return SLUICE_REASON_guard_fragment;
  if (packet->destination_port_be == bpf_htons(53) && bpf_map_lookup_elem(&resolvers, &packet->destination))
    return 0;
  return allowed_by_prefix(workload, packet) ? 0 : SLUICE_REASON_udp_denied;
}

/* What a host must say to stay reachable: errors, answers to pings, neighbour discovery, multicast
 * membership. */
static __always_inline int is_needed_icmp(const struct sluice_packet* packet) {
  if (packet->fragment) return 0;
  __u8 type = packet->icmp_type;
  if (packet->protocol == IPPROTO_ICMP) return type == 0 || type == 3 || type == 11 || type == 12;
  if (packet->protocol != IPPROTO_ICMPV6) return 0;
  return (type >= 1 && type <= 4) || (type >= 129 && type <= 136) || type == 143;
}

static __always_inline __u32 judge(const struct sluice_workload* workload, const struct sluice_packet* packet,
                                   __u64 cookie, int on_host) {
  if (packet->opaque) return SLUICE_REASON_guard_protocol;
  if (packet->protocol == SLUICE_IPPROTO_TCP) return judge_tcp(packet, cookie, on_host);
  if (workload->passthrough == SLUICE_PASSTHROUGH_ALL) return 0;
  if (on_host && is_loopback_packet(packet)) return 0;
  if (packet->protocol == SLUICE_IPPROTO_UDP) return judge_udp(workload->id, packet);
  return is_needed_icmp(packet) ? 0 : SLUICE_REASON_guard_protocol;
}

/* Returns 1 when the packet must be dropped. */
static __always_inline int settle(const struct sluice_workload* workload, const struct sluice_packet* packet,
                                  __u32 reason) {
  if (!reason) return 0;
  int audit = workload->guard != SLUICE_GUARD_ENFORCE;
  sluice_count(workload->id, audit ? SLUICE_REASON_guard_audit : reason);
  struct sluice_report report = {.workload = workload->id,
                                 .reason = audit ? SLUICE_REASON_guard_audit : reason,
                                 .local_port_be = packet->source_port_be,
                                 .remote_port_be = packet->destination_port_be,
                                 .protocol = packet->protocol};
  struct sluice_event* event = sluice_event_begin(&report);
  if (event) {
    event->local = packet->source;
    event->remote = packet->destination;
    bpf_ringbuf_submit(event, 0);
  }
  return !audit;
}

static __always_inline __u32 judge_frame(struct __sk_buff* skb, const struct sluice_workload* workload,
                                         __u32 offset, struct sluice_packet* packet, __u64 cookie,
                                         int on_host) {
  if (skb->vlan_present) return SLUICE_REASON_guard_protocol;
  int failed;
  if (skb->protocol == bpf_htons(ETH_P_IP))
    failed = sluice_parse_v4(skb, offset, packet);
  else if (skb->protocol == bpf_htons(ETH_P_IPV6))
    failed = sluice_parse_v6(skb, offset, packet);
  else
    return skb->protocol == bpf_htons(ETH_P_ARP) ? 0 : SLUICE_REASON_guard_protocol;
  return failed ? SLUICE_REASON_guard_protocol : judge(workload, packet, cookie, on_host);
}

SEC("tc")
int sluice_guard(struct __sk_buff* skb) {
  __u32 ifindex = skb->ifindex;
  __u32* id = bpf_map_lookup_elem(&guards, &ifindex);
  if (!id) return TC_ACT_OK;
  struct sluice_workload* workload = bpf_map_lookup_elem(&workloads, id);
  if (!workload || workload->guard == SLUICE_GUARD_OFF) return TC_ACT_OK;
  struct sluice_packet packet = {};
  __u32 reason = judge_frame(skb, workload, 14, &packet, workload->netns_cookie, 0);
  int fresh = (packet.flags & (SLUICE_TCP_SYN | SLUICE_TCP_ACK)) == SLUICE_TCP_SYN;
  if (!reason && packet.payload && !fresh) reason = judge_segment(skb, workload, &packet);
  return settle(workload, &packet, reason) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("cgroup_skb/egress")
int sluice_guard_cgroup(struct __sk_buff* skb) {
  __u32 id = fixed_workload;
  struct sluice_workload* workload = bpf_map_lookup_elem(&workloads, &id);
  if (!workload || workload->guard == SLUICE_GUARD_OFF) return 1;
  struct sluice_packet packet = {};
  __u32 reason = judge_frame(skb, workload, 0, &packet, fixed_netns_cookie, 1);
  return settle(workload, &packet, reason) ? 0 : 1;
}

char _license[] SEC("license") = "GPL";
