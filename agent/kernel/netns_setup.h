// Prepares a workload's network namespace by netlink: the routing that brings marked packets back to lo, the
// sysctls that let the application's replies follow, and the questions that capture has about addresses and
// veths. All calls are idempotent. They enter the namespace on the calling thread and leave it before they
// return; the process ends if it cannot come back. Descriptors are of namespace files (nsfs) and stay the
// caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "base/result.h"

namespace sluice::kernel {

struct CaptureRouting {
  std::uint32_t mark = 0;
  std::uint32_t mask = 0xffffffff;
  std::uint32_t table = 0;     // a table nobody else uses
  std::uint32_t priority = 0;  // of the rules; lower than the CNI's own rules (trap 6)
  // Source of captured IPv4 connections; without it connect() fails with ENETUNREACH. Nothing: IPv6 only.
  std::optional<IpAddr> source_v4;
};

struct LocalAddress {
  IpAddr ip;
  std::uint32_t ifindex = 0;
  bool link_local = false;
  bool loopback = false;
};

// The sysctls before Sluice changed them; kept by the agent's state so that removal restores them.
struct SavedSysctls {
  struct Entry {
    std::string name;  // below /proc/sys/net, e.g. "ipv4/tcp_fwmark_accept"
    std::string value;
  };
  std::vector<Entry> entries;
};

// Opens /run/netns/NAME, /proc/PID/ns/net or any other namespace file. A path that is no network namespace is
// a Fault.
Outcome<Fd> open_namespace(const std::string& path);

// All addresses of the namespace, loopback included, IPv4 first.
Outcome<std::vector<LocalAddress>> local_addresses(int netns_fd);

// The address that captured IPv4 connections should come from: that of the IPv4 default route (its preferred
// source, else the first global address of its interface), else the first global address.
Outcome<std::optional<IpAddr>> preferred_source_v4(int netns_fd);

// Rules and local routes of both families. A family that the kernel has switched off is left out.
Outcome<> add_capture_routing(int netns_fd, const CaptureRouting& routing);
// What of it is there, whole or in part, as text; empty when all is gone.
Outcome<std::vector<std::string>> left_capture_routing(int netns_fd, const CaptureRouting& routing);
// What is missing or different, as text; empty when all is in place.
Outcome<std::vector<std::string>> check_capture_routing(int netns_fd, const CaptureRouting& routing);
// Removes the rules of this mark and table and everything in the table.
Outcome<> remove_capture_routing(int netns_fd, const CaptureRouting& routing);

// tcp_fwmark_accept=1 and fwmark_reflect=1 (IPv4 and IPv6), and where ip_local_port_range reaches into the
// proxy's source ports, these join ip_local_reserved_ports. Returns the values from before; the caller keeps
// the first answer, since a second call returns our own values.
Outcome<SavedSysctls> set_capture_sysctls(int netns_fd);
// Those that have another value by now, as text.
Outcome<std::vector<std::string>> check_capture_sysctls(int netns_fd);
Outcome<> restore_sysctls(int netns_fd, const SavedSysctls& saved);

// May a client in this namespace be given one of the proxy's source ports?
struct SourcePortState {
  std::string local_range;  // "1024-65535"
  bool in_range = false;    // the ephemeral range reaches into the proxy's ports
  bool reserved = false;    // they are kept out of it
  std::uint32_t left = 0;   // of the range, once they are
};
Outcome<SourcePortState> source_port_state(int netns_fd);

// The veths in the caller's namespace whose peer is in another one.
struct HostVeth {
  std::int32_t peer_namespace = 0;  // the number by which the caller's namespace knows it
  std::uint32_t ifindex = 0;
};
Outcome<std::vector<HostVeth>> list_host_veths();
// Those of `all` whose peer lives in `netns_fd`. Empty for macvlan, moved NICs and veths whose other end is
// in a third namespace: then there is no host side for the guard.
Outcome<std::vector<std::uint32_t>> host_side_veths(int netns_fd, const std::vector<HostVeth>& all);

// The number by which the caller's namespace knows that of a veth's peer.
Outcome<std::int32_t> peer_namespace_number(std::uint32_t ifindex);

}  // namespace sluice::kernel
