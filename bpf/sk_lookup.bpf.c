/*
 * sk_lookup, one instance per network namespace: gives a new TCP connection to the proxy's listener or leaves
 * it to the kernel. It sees only packets that match no established socket. The program type has no netns
 * cookie helper, so the instance carries its namespace and workload as constants.
 *
 * `remote` is the side that connects, `local` the address it dialled.
 */
#include "decide.h"
#include "report.h"

#define AF_INET 2
#define IPPROTO_TCP 6
#define LOOPBACK_IFINDEX 1 /* of every namespace */

const volatile __u64 netns_cookie = 0;
const volatile __u32 workload_id = 0; /* 0: host mode, inbound by `host_inbounds` only */

static __always_inline void tuple_of(struct bpf_sk_lookup* ctx, struct sluice_flow_key* key) {
  __builtin_memset(key, 0, sizeof(*key));
  if (ctx->family == AF_INET) {
    sluice_map_v4(&key->local, ctx->remote_ip4);
    sluice_map_v4(&key->remote, ctx->local_ip4);
  } else {
    SLUICE_COPY_WORDS(&key->local, ctx->remote_ip6);
    SLUICE_COPY_WORDS(&key->remote, ctx->local_ip6);
  }
  key->local_port_be = ctx->remote_port;
  key->remote_port_be = bpf_htons(ctx->local_port);
}

static __always_inline int is_own_address(const struct sluice_addr* addr) {
  struct sluice_local_key key = {.netns_cookie = netns_cookie, .addr = *addr};
  return sluice_is_loopback(addr) || bpf_map_lookup_elem(&local_addrs, &key) != 0;
}

static __always_inline int refuse(const struct sluice_flow_key* key, __u32 workload, __u32 reason) {
  struct sluice_report report = {.workload = workload,
                                 .reason = reason,
                                 .local_port_be = key->local_port_be,
                                 .remote_port_be = key->remote_port_be,
                                 .protocol = IPPROTO_TCP};
  struct sluice_event* event = sluice_event_begin(&report);
  if (event) {
    event->local = key->local;
    event->remote = key->remote;
    bpf_ringbuf_submit(event, 0);
  }
  sluice_count(workload, reason);
  return SK_DROP;
}

static __always_inline int steer(struct bpf_sk_lookup* ctx, const struct sluice_flow_key* key, __u32 workload,
                                 __u32 slot, int count) {
  struct sluice_listener_key where = {workload, slot};
  struct bpf_sock* listener = bpf_map_lookup_elem(&listeners, &where);
  if (!listener) return refuse(key, workload, SLUICE_REASON_listener_missing);
  long failed = bpf_sk_assign(ctx, listener, BPF_SK_LOOKUP_F_REPLACE);
  bpf_sk_release(listener);
  if (failed) return refuse(key, workload, SLUICE_REASON_listener_missing);
  if (count) sluice_count(workload, SLUICE_REASON_captured_inbound);
  return SK_PASS;
}

static __always_inline int steer_inbound(struct bpf_sk_lookup* ctx, const struct sluice_flow_key* key,
                                         __u32 id) {
  struct sluice_workload* workload = bpf_map_lookup_elem(&workloads, &id);
  if (!workload || !workload->capture_inbound) return SK_PASS;
  if (!sluice_worker_alive()) {
    if (workload->fail_mode == SLUICE_FAIL_OPEN) {
      sluice_count(id, SLUICE_REASON_fail_open);
      return SK_PASS;
    }
    if (workload->fail_mode == SLUICE_FAIL_CLOSED_FAST) return refuse(key, id, SLUICE_REASON_proxy_dead);
  }
  return steer(ctx, key, id, SLUICE_LISTENER_IN, 1);
}

static __always_inline int host_lookup(struct bpf_sk_lookup* ctx, const struct sluice_flow_key* key) {
  struct sluice_host_inbound_key where = {.addr = key->remote, .port_be = key->remote_port_be};
  __u32* id = bpf_map_lookup_elem(&host_inbounds, &where);
  if (!id) {
    __builtin_memset(&where.addr, 0, sizeof(where.addr));
    id = bpf_map_lookup_elem(&host_inbounds, &where);
  }
  return id ? steer_inbound(ctx, key, *id) : SK_PASS;
}

static __always_inline int is_probe(struct sluice_flow_key* key) {
  struct sluice_flow_key probe = *key;
  probe.netns_cookie = 0;
  return bpf_map_lookup_elem(&probes, &probe) != 0;
}

SEC("sk_lookup")
int sluice_sk_lookup(struct bpf_sk_lookup* ctx) {
  if (ctx->protocol != IPPROTO_TCP) return SK_PASS;
  struct sluice_flow_key key;
  tuple_of(ctx, &key);
  key.netns_cookie = netns_cookie;
  struct sluice_flow* flow = bpf_map_lookup_elem(&flows, &key);
  if (flow) {
    if (flow->kind != SLUICE_FLOW_CAPTURE) return SK_PASS;
    return steer(ctx, &key, flow->workload, SLUICE_LISTENER_OUT, 0);
  }
  if (sluice_is_loopback(&key.remote)) return SK_PASS;
  if (is_probe(&key)) {
    sluice_count(workload_id, SLUICE_REASON_probe);
    return SK_PASS;
  }
  if (!workload_id) return host_lookup(ctx, &key);
  /* What arrives on lo was made here, whatever its source. So was what has a source of ours: nobody outside
     can send that (martian while accept_local=0). To an own address it is a self-call; to any other it was
     routed to us by our mark: a captured connection, which needs no note, a SYN cookie's ACK, or a mark that
     the application set itself. The proxy judges it. */
  int made_here = is_own_address(&key.local);
  if (is_own_address(&key.remote)) {
    if (made_here) return SK_PASS;
  } else if (made_here || ctx->ingress_ifindex == LOOPBACK_IFINDEX) {
    return steer(ctx, &key, workload_id, SLUICE_LISTENER_OUT, 0);
  }
  return steer_inbound(ctx, &key, workload_id);
}

char _license[] SEC("license") = "GPL";
