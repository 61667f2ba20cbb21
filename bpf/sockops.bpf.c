/*
 * sockops at the root of cgroup2: notes the 4-tuple of a judged socket at TCP_CONNECT (port chosen, SYN not
 * yet sent) and removes it when the socket leaves the handshake, so that nobody who later uses the same port
 * profits from a stale entry. Only the socket that wrote an entry removes it. State callbacks are asked for
 * per connection, not globally. What is to be noted says the socket's note or, for Sluice's own sockets and
 * for probes, the socket's cgroup.
 */
#include "decide.h"
#include "report.h"
#include "socket.h"

/* The record of a ring buffer is in no map's type; naming it here puts it into BTF, where a test compares
 * layouts. */
const struct sluice_event* sluice_event_layout __attribute__((unused));

#define AF_INET 2
#define IPPROTO_TCP 6
#define TCP_USER_TIMEOUT 18
#define SOL_TCP 6

const volatile __u32 mark_value = 0;
const volatile __u32 mark_mask = 0;

static __always_inline void tuple_of(struct bpf_sock_ops* ctx, struct sluice_flow_key* key) {
  __builtin_memset(key, 0, sizeof(*key));
  if (ctx->family != AF_INET) SLUICE_COPY_WORDS(&key->remote, ctx->remote_ip6);
  if (ctx->family == AF_INET || sluice_is_v4(&key->remote)) {
    sluice_map_v4(&key->local, ctx->local_ip4);
    sluice_map_v4(&key->remote, ctx->remote_ip4);
  } else {
    SLUICE_COPY_WORDS(&key->local, ctx->local_ip6);
  }
  key->local_port_be = bpf_htons(ctx->local_port);
  key->remote_port_be = bpf_htons(bpf_ntohl(ctx->remote_port));
}

static __always_inline void add_to_count(__s64 delta) {
  __u32 zero = 0;
  struct sluice_flow_count* count = bpf_map_lookup_elem(&flow_count, &zero);
  if (count) __sync_fetch_and_add(&count->entries, delta);
}

/* The SYN can no longer be stopped here. Guard and sk_lookup refuse what is not noted; this only makes the
   application learn it at the first retransmission. */
static __always_inline void give_up(struct bpf_sock_ops* ctx, __u32 workload,
                                    const struct sluice_flow_key* key) {
  int timeout_ms = 1;
  bpf_setsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
  struct sluice_report report = {.workload = workload,
                                 .reason = SLUICE_REASON_map_full,
                                 .local_port_be = key->local_port_be,
                                 .remote_port_be = key->remote_port_be,
                                 .protocol = IPPROTO_TCP};
  struct sluice_event* event = sluice_event_begin(&report);
  if (event) {
    event->local = key->local;
    event->remote = key->remote;
    bpf_ringbuf_submit(event, 0);
  }
  sluice_count(workload, SLUICE_REASON_map_full);
}

/* Fills in whose connection this is; returns 0 when it needs no entry. */
static __always_inline int recall(void* sk, struct sluice_flow* flow) {
  struct sluice_socket_note* note = bpf_sk_storage_get(&socket_notes, sk, 0, 0);
  if (!note) {
    __u32 role = sluice_socket_role(sk);
    if (role == SLUICE_CGROUP_OWN) flow->kind = SLUICE_FLOW_OWN;
    if (role != SLUICE_CGROUP_PROBER) return flow->kind;
    struct sluice_socket_note probe = {.kind = SLUICE_FLOW_PROBE};
    note = bpf_sk_storage_get(&socket_notes, sk, &probe, BPF_SK_STORAGE_GET_F_CREATE);
    if (!note) return 0;
  }
  flow->workload = note->workload;
  flow->kind = note->kind;
  return flow->kind;
}

static __always_inline void on_connect(struct bpf_sock_ops* ctx, void* sk) {
  struct sluice_flow flow = {};
  if (!recall(sk, &flow)) return;
  flow.socket_cookie = bpf_get_socket_cookie(ctx);
  flow.noted_at_ns = bpf_ktime_get_ns();
  struct sluice_flow_key key;
  tuple_of(ctx, &key);
  long failed;
  if (flow.kind == SLUICE_FLOW_PROBE) {
    failed = bpf_map_update_elem(&probes, &key, &flow, BPF_NOEXIST);
  } else {
    key.netns_cookie = bpf_get_netns_cookie(ctx);
    failed = bpf_map_update_elem(&flows, &key, &flow, BPF_NOEXIST);
    if (failed) {
      /* Full, or the tuple is left over from a socket that is gone (a namespace that died between two
       * callbacks). */
      struct sluice_flow* old = bpf_map_lookup_elem(&flows, &key);
      if (old && !bpf_map_update_elem(&flows, &key, &flow, BPF_EXIST)) {
        add_to_count(-1); /* the entry was counted for its previous socket, which no longer owns it */
        failed = 0;
      }
    }
    if (!failed) add_to_count(1);
  }
  if (failed) return give_up(ctx, flow.workload, &key);
  bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/*
 * An accepted connection of an enrolled namespace gets an empty note, by which the guard tells it from one
 * that was opened before enrolment. Those of the proxy are known by their cgroup, and one with our mark,
 * which it has from the SYN, is answered over lo: the guard does not see it.
 */
static __always_inline void on_accepted(struct bpf_sock_ops* ctx, struct bpf_sock* sk) {
  __u64 cookie = bpf_get_netns_cookie(ctx);
  __u32* workload = bpf_map_lookup_elem(&netns_workloads, &cookie);
  if (!workload || (sk->mark & mark_mask) == (mark_value & mark_mask)) return;
  if (sluice_socket_role(sk) == SLUICE_CGROUP_OWN) return;
  struct sluice_socket_note note = {.workload = *workload};
  bpf_sk_storage_get(&socket_notes, sk, &note, BPF_SK_STORAGE_GET_F_CREATE);
}

static __always_inline void on_settled(struct bpf_sock_ops* ctx, void* sk) {
  struct sluice_socket_note* note = bpf_sk_storage_get(&socket_notes, sk, 0, 0);
  int probe = note && note->kind == SLUICE_FLOW_PROBE;
  struct sluice_flow_key key;
  tuple_of(ctx, &key);
  if (!probe) key.netns_cookie = bpf_get_netns_cookie(ctx);
  struct sluice_flow* flow = probe ? bpf_map_lookup_elem(&probes, &key) : bpf_map_lookup_elem(&flows, &key);
  if (!flow || flow->socket_cookie != bpf_get_socket_cookie(ctx)) return;
  if (probe)
    bpf_map_delete_elem(&probes, &key);
  else if (bpf_map_delete_elem(&flows, &key) == 0)
    add_to_count(-1);
}

/* Established, refused, given up or closed; a simultaneous open goes through SYN_RECV. */
static __always_inline int handshake_ends(__u32 from, __u32 to) {
  return (from == BPF_TCP_SYN_SENT && to != BPF_TCP_SYN_RECV) || from == BPF_TCP_SYN_RECV;
}

SEC("sockops")
int sluice_sockops(struct bpf_sock_ops* ctx) {
  struct bpf_sock* sk = ctx->sk;
  if (!sk) return 1;
  switch (ctx->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
      on_connect(ctx, sk);
      break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
      on_accepted(ctx, sk);
      break;
    case BPF_SOCK_OPS_STATE_CB:
      if (handshake_ends(ctx->args[0], ctx->args[1])) on_settled(ctx, sk);
      break;
  }
  return 1;
}

char _license[] SEC("license") = "GPL";
