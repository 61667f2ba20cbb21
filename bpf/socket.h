/*
 * Which cgroup a socket belongs to. A socket keeps the cgroup of its creator for life, so this cannot be
 * changed by passing the descriptor on or by moving the task, and no application can forge it (design section
 * 3). bpf_sk_cgroup_id() is not offered to sock_addr and sock_ops programs; the same is read through BTF.
 * Only the members below are named; CO-RE finds their offsets in the running kernel.
 */
#ifndef SLUICE_SOCKET_H
#define SLUICE_SOCKET_H

#include "maps.h"

struct kernfs_node {
  __u64 id;
} __attribute__((preserve_access_index));

struct cgroup {
  struct kernfs_node* kn;
} __attribute__((preserve_access_index));

struct sock_cgroup_data {
  struct cgroup* cgroup;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_cgroup_data sk_cgrp_data;
} __attribute__((preserve_access_index));

/* 0 for anything but a TCP socket. `sk` is the context's socket pointer. */
static __always_inline __u64 sluice_socket_cgroup(void* sk) {
  struct sock* tcp = (struct sock*)bpf_skc_to_tcp_sock(sk);
  if (!tcp) return 0;
  struct cgroup* cgroup = tcp->sk_cgrp_data.cgroup;
  if (!cgroup) return 0;
  struct kernfs_node* node = cgroup->kn;
  return node ? node->id : 0;
}

static __always_inline __u32 sluice_socket_role(void* sk) {
  __u64 id = sluice_socket_cgroup(sk);
  if (!id) return 0;
  __u32* role = bpf_map_lookup_elem(&cgroup_roles, &id);
  return role ? *role : 0;
}

#endif
