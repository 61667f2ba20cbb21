/*
 * cgroup/connect4, connect6, sendmsg4, sendmsg6: decides each outgoing connection before its first packet.
 * One instance sits at the root of cgroup2 and finds the workload by network namespace; a host-cgroup
 * workload gets an instance of its own (fixed_workload), which runs before the root's because child cgroups
 * come first. Capture means SO_MARK, and a note in the socket's storage where sockops must write the 4-tuple
 * down (decide.h). A note is an allocation, so Sluice's own sockets, which their cgroup tells, have none. No
 * address is rewritten.
 */
#include "decide.h"
#include "local_hop.h"
#include "report.h"
#include "socket.h"

#define AF_INET6 10
#define SOL_SOCKET 1
#define SO_MARK 36
#define SOL_TCP 6
#define TCP_CONGESTION 13
#define EPERM 1
#define ECONNREFUSED 111

const volatile __u32 fixed_workload = 0;
const volatile __u32 mark_value = 0;
const volatile __u32 mark_mask = 0;
const volatile __u32 flows_max = SLUICE_MAX_FLOWS;

struct target {
  struct sluice_addr addr;
  __u16 port_be;
  __u8 protocol;
};

static __always_inline int flows_full(int own) {
  __u32 zero = 0;
  struct sluice_flow_count* count = bpf_map_lookup_elem(&flow_count, &zero);
  if (!count) return 1;
  __u64 used = *(volatile __u64*)&count->entries;
  __u64 limit = own ? flows_max - flows_max / 32 : flows_max - SLUICE_FLOWS_RESERVE(flows_max);
  return used >= limit;
}

static __always_inline __u8 prefix_fact(__u32 workload, const struct target* to) {
  struct sluice_prefix_key key = {
      .prefixlen = 32 + 128, .workload_be = bpf_htonl(workload), .addr = to->addr};
  struct sluice_prefix* found = bpf_map_lookup_elem(&prefixes, &key);
  if (!found) return SLUICE_PREFIX_NO_MATCH;
  __u8 proto = to->protocol == SLUICE_IPPROTO_UDP ? SLUICE_PROTO_UDP : SLUICE_PROTO_TCP;
  return sluice_prefix_action(found, bpf_ntohs(to->port_be), proto);
}

static __always_inline int is_destination(__u32 mesh, const struct target* to) {
  struct sluice_destination_key key = {.mesh = mesh, .port_be = to->port_be, .addr = to->addr};
  if (bpf_map_lookup_elem(&destinations, &key)) return 1;
  key.port_be = 0;
  return bpf_map_lookup_elem(&destinations, &key) != 0;
}

static __always_inline int is_own_address(struct bpf_sock_addr* ctx, const struct target* to) {
  struct sluice_local_key local = {.netns_cookie = bpf_get_netns_cookie(ctx), .addr = to->addr};
  return bpf_map_lookup_elem(&local_addrs, &local) != 0;
}

/* A hop whose route is not the capture table's, which has this as a metric. Failing costs speed only. */
static __always_inline void do_not_pace(struct bpf_sock_addr* ctx) {
  char name[] = SLUICE_LOCAL_CONGESTION_CONTROL;
  bpf_setsockopt(ctx, SOL_TCP, TCP_CONGESTION, name, sizeof(name));
}

static __always_inline void gather(struct bpf_sock_addr* ctx, const struct sluice_workload* workload,
                                   const struct target* to, int own, struct sluice_facts* facts) {
  facts->tcp = to->protocol == SLUICE_IPPROTO_TCP;
  facts->own = own;
  facts->host = fixed_workload != 0;
  facts->full = flows_full(own);
  facts->prefix = SLUICE_PREFIX_NO_MATCH;
  if (own) return;
  facts->loopback = sluice_is_loopback(&to->addr);
  facts->alive = sluice_worker_alive();
  facts->prefix = prefix_fact(workload->id, to);
  struct sluice_outbound_key outbound = {.workload = workload->id, .port_be = to->port_be, .addr = to->addr};
  facts->outbound = bpf_map_lookup_elem(&outbounds, &outbound) != 0;
  facts->local = is_own_address(ctx, to);
  facts->mesh = is_destination(workload->mesh, to);
  facts->resolver = to->port_be == bpf_htons(53) && bpf_map_lookup_elem(&resolvers, &to->addr) != 0;
}

/* The socket's mark with other bits of ours. Returns 0 when done. */
static __always_inline int set_mark(struct bpf_sock_addr* ctx, __u32 mark, __u32 bits) {
  __u32 wanted = (mark & ~mark_mask) | (bits & mark_mask);
  if (wanted == mark) return 0;
  return bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &wanted, sizeof(wanted)) ? -1 : 0;
}

static __always_inline int refuse(struct bpf_sock_addr* ctx, __u32 workload, const struct target* to,
                                  const struct sluice_verdict* verdict) {
  struct sluice_report report = {.workload = workload,
                                 .reason = verdict->reason,
                                 .pid = bpf_get_current_pid_tgid() >> 32,
                                 .remote_port_be = to->port_be,
                                 .protocol = to->protocol};
  struct sluice_event* event = sluice_event_begin(&report);
  if (event) {
    event->remote = to->addr;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    bpf_ringbuf_submit(event, 0);
  }
  sluice_count(workload, verdict->reason);
  if (verdict->refuse == SLUICE_DENY_ECONNREFUSED) bpf_set_retval(-ECONNREFUSED);
  return 0;
}

/*
 * Marks the socket, or takes our mark back, and writes the note that sockops reads. Without a note the bits
 * of our mask were zero before us, or ours already: set by an earlier connect() or by the application, which
 * they are taken from either way. Returns 0 when the socket is as the verdict wants it.
 */
static __always_inline int apply(struct bpf_sock_addr* ctx, __u32 workload,
                                 const struct sluice_verdict* verdict) {
  struct bpf_sock* sk = ctx->sk;
  int capture = verdict->action == SLUICE_ACTION_CAPTURE;
  if (!sk) return capture || verdict->flow ? -1 : 0;
  __u32 mark = sk->mark;
  __u32 ours = mark_value & mark_mask;
  __u32 bits = mark & mark_mask;
  int needed = verdict->flow || (capture && bits && bits != ours);
  struct sluice_socket_note* note =
      bpf_sk_storage_get(&socket_notes, sk, 0, needed ? BPF_SK_STORAGE_GET_F_CREATE : 0);
  if (!note && needed) return -1;
  if (note && capture && bits != ours) note->previous_mark = bits;
  if (capture) {
    if (set_mark(ctx, mark, ours)) return -1;
  } else if (bits == ours) {
    if (set_mark(ctx, mark, note ? note->previous_mark : 0)) return -1;
    if (note) note->previous_mark = 0;
  }
  if (!note) return 0;
  note->workload = workload;
  note->kind = verdict->flow;
  note->by_cgroup = fixed_workload != 0;
  return 0;
}

static __always_inline int decided_by_cgroup(struct bpf_sock_addr* ctx) {
  if (fixed_workload || !ctx->sk) return 0;
  struct sluice_socket_note* note = bpf_sk_storage_get(&socket_notes, ctx->sk, 0, 0);
  if (!note || !note->by_cgroup) return 0;
  __u32 id = note->workload;
  return bpf_map_lookup_elem(&workloads, &id) != 0;
}

static __always_inline int judge(struct bpf_sock_addr* ctx, const struct target* to) {
  int tcp = to->protocol == SLUICE_IPPROTO_TCP;
  int own = tcp && ctx->sk && sluice_socket_role(ctx->sk) == SLUICE_CGROUP_OWN;
  __u32 id = fixed_workload;
  if (!id) {
    if (decided_by_cgroup(ctx)) return 1;
    __u64 cookie = bpf_get_netns_cookie(ctx);
    __u32* found = bpf_map_lookup_elem(&netns_workloads, &cookie);
    if (found) id = *found;
  }
  /* An own socket outside every workload's namespace is judged too: sockops will note it for the host's
   * sk_lookup, and there must be room. */
  struct sluice_workload nobody = {};
  struct sluice_workload* workload = id ? bpf_map_lookup_elem(&workloads, &id) : 0;
  if (!workload) {
    if (!own) return 1;
    workload = &nobody;
  }
  struct sluice_facts facts = {};
  gather(ctx, workload, to, own, &facts);
  struct sluice_verdict verdict = sluice_decide(workload, &facts);
  if (verdict.action == SLUICE_ACTION_DENY) return refuse(ctx, id, to, &verdict);
  if (tcp && !own && apply(ctx, id, &verdict)) {
    verdict = sluice_deny(SLUICE_DENY_ECONNREFUSED, SLUICE_REASON_map_full);
    return refuse(ctx, id, to, &verdict);
  }
  int hop = tcp && (own || verdict.action == SLUICE_ACTION_CAPTURE);
  if (hop && (sluice_is_loopback(&to->addr) || (own && is_own_address(ctx, to)))) do_not_pace(ctx);
  sluice_count(id, verdict.reason);
  return 1;
}

static __always_inline int judge_v4(struct bpf_sock_addr* ctx) {
  struct target to = {.port_be = ctx->user_port, .protocol = ctx->protocol};
  sluice_map_v4(&to.addr, ctx->user_ip4);
  return judge(ctx, &to);
}

static __always_inline int judge_v6(struct bpf_sock_addr* ctx) {
  struct target to = {.port_be = ctx->user_port, .protocol = ctx->protocol};
  SLUICE_COPY_WORDS(&to.addr, ctx->user_ip6);
  return judge(ctx, &to);
}

SEC("cgroup/connect4")
int sluice_connect4(struct bpf_sock_addr* ctx) {
  return judge_v4(ctx);
}

SEC("cgroup/connect6")
int sluice_connect6(struct bpf_sock_addr* ctx) {
  return judge_v6(ctx);
}

SEC("cgroup/sendmsg4")
int sluice_sendmsg4(struct bpf_sock_addr* ctx) {
  return judge_v4(ctx);
}

SEC("cgroup/sendmsg6")
int sluice_sendmsg6(struct bpf_sock_addr* ctx) {
  return judge_v6(ctx);
}

char _license[] SEC("license") = "GPL";
