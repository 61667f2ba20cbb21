#include "kernel/netns_setup.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/source_port_range.h"
#include "kernel/enter.h"
#include "kernel/netlink.h"
#include "kernel/netlink_attributes.h"
#include "kernel/port_list.h"

namespace sluice::kernel {
namespace {

using Buffer = std::array<char, 1024>;

std::optional<IpAddr> read_ip(const nlattr* attr, int family) {
  IpAddr ip;
  const auto size = mnl_attr_get_payload_len(attr);
  if (family == AF_INET && size == 4) {
    ip.bytes[10] = ip.bytes[11] = 0xff;
    std::memcpy(ip.bytes.data() + 12, mnl_attr_get_payload(attr), 4);
    return ip;
  }
  if (family == AF_INET6 && size == 16) {
    std::memcpy(ip.bytes.data(), mnl_attr_get_payload(attr), 16);
    return ip;
  }
  return std::nullopt;
}

std::optional<LocalAddress> read_address(const nlmsghdr* message) {
  const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  std::optional<IpAddr> local;
  std::optional<IpAddr> address;
  each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr* attr) {
    // On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL ours.
    if (mnl_attr_get_type(attr) == IFA_LOCAL) local = read_ip(attr, info->ifa_family);
    if (mnl_attr_get_type(attr) == IFA_ADDRESS) address = read_ip(attr, info->ifa_family);
  });
  if (!local) local = address;
  if (!local) return std::nullopt;
  return LocalAddress{*local, info->ifa_index, info->ifa_scope == RT_SCOPE_LINK,
                      info->ifa_scope == RT_SCOPE_HOST || local->is_loopback()};
}

Outcome<std::vector<LocalAddress>> addresses_here() {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  std::vector<LocalAddress> addresses;
  for (const int family : {AF_INET, AF_INET6}) {
    Buffer buffer;
    nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = RTM_GETADDR;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    auto* info = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
    info->ifa_family = static_cast<std::uint8_t>(family);
    const auto asked = netlink->ask(header, "list addresses", [&](const nlmsghdr* message) {
      const auto address = read_address(message);
      if (address) addresses.push_back(*address);
    });
    if (!asked) return std::unexpected(asked.error());
  }
  return addresses;
}

struct DefaultRoute {
  std::uint32_t ifindex = 0;
  std::optional<IpAddr> source;
};

Outcome<std::optional<DefaultRoute>> default_route_v4() {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETROUTE;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* request = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
  request->rtm_family = AF_INET;
  std::optional<DefaultRoute> found;
  const auto asked = netlink->ask(header, "list routes", [&](const nlmsghdr* message) {
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    if (found || route->rtm_dst_len != 0 || route->rtm_table != RT_TABLE_MAIN ||
        route->rtm_type != RTN_UNICAST)
      return;
    found.emplace();
    each_attribute(message, sizeof(rtmsg), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
        found->ifindex = mnl_attr_get_u32(attr);
      if (mnl_attr_get_type(attr) == RTA_PREFSRC) found->source = read_ip(attr, AF_INET);
    });
  });
  if (!asked) return std::unexpected(asked.error());
  return found;
}

constexpr std::size_t kSysctlMax =
    4096;  // what the kernel takes in one write; a list of reserved ports may be longer
constexpr std::uint32_t kPortsLeftMin = 4096;
constexpr const char* kReservedPorts = "ipv4/ip_local_reserved_ports";
constexpr PortRange kOurPorts{kSourcePortFirst, kSourcePortLast};

// /proc/sys/net/ipv4 and ipv6 of the current namespace, each opened when it is first used. In the kernel's
// cache of names each namespace's "ipv4" lies under the same key, so that finding it takes the longer the
// more namespaces there are; what is below it is found at once.
class Settings {
 public:
  bool has_ipv6() { return directory("ipv6").valid(); }

  // "ipv4/tcp_fwmark_accept"; errno says why there is none.
  Fd open(const std::string& name, int flags) {
    const auto slash = name.find('/');
    const auto& from = directory(name.substr(0, slash));
    return from ? Fd(::openat(from.get(), name.c_str() + slash + 1, flags | O_CLOEXEC)) : Fd();
  }

 private:
  const Fd& directory(const std::string& family) {
    Fd& held = family == "ipv6" ? ipv6_ : ipv4_;
    if (!held) held = Fd(::open(("/proc/sys/net/" + family).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return held;
  }

  Fd ipv4_;
  Fd ipv6_;
};

Outcome<std::string> read_sysctl(Settings& settings, const std::string& name) {
  const Fd file = settings.open(name, O_RDONLY);
  if (!file) return fault_errno("read sysctl net/" + name, errno);
  std::string value(kSysctlMax, '\0');
  const auto size = ::read(file.get(), value.data(), value.size());
  if (size < 0) return fault_errno("read sysctl net/" + name, errno);
  value.resize(static_cast<std::size_t>(size));
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

// With its newline: an empty list is a line too.
Outcome<> write_sysctl(Settings& settings, const std::string& name, const std::string& text) {
  const std::string value = text + "\n";
  const Fd file = settings.open(name, O_WRONLY);
  if (!file) return fault_errno("write sysctl net/" + name, errno);
  if (::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return fault_errno("write sysctl net/" + name, errno, "is /proc/sys mounted read-only?");
  return {};
}

// The number by which the caller's namespace knows the other one; nothing when it has none.
Outcome<std::optional<std::int32_t>> namespace_number(Netlink& netlink, int netns_fd) {
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETNSID;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  mnl_nlmsg_put_extra_header(header, NLMSG_ALIGN(sizeof(rtgenmsg)));
  mnl_attr_put_u32(header, NETNSA_FD, static_cast<std::uint32_t>(netns_fd));
  std::optional<std::int32_t> number;
  const auto asked = netlink.ask(header, "ask for the namespace's number", [&](const nlmsghdr* message) {
    each_attribute(message, NLMSG_ALIGN(sizeof(rtgenmsg)), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) != NETNSA_NSID || mnl_attr_validate(attr, MNL_TYPE_U32) < 0) return;
      const auto value = static_cast<std::int32_t>(mnl_attr_get_u32(attr));
      if (value >= 0) number = value;
    });
  });
  if (!asked) return std::unexpected(asked.error());
  return number;
}

bool is_veth(const nlattr* linkinfo) {
  bool veth = false;
  each_nested(linkinfo, [&](const nlattr* attr) {
    if (mnl_attr_get_type(attr) == IFLA_INFO_KIND && mnl_attr_validate(attr, MNL_TYPE_STRING) >= 0)
      veth = std::string_view(mnl_attr_get_str(attr)) == "veth";
  });
  return veth;
}

std::optional<HostVeth> read_veth(const nlmsghdr* message) {
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  bool veth = false;
  std::int32_t peer = -1;
  each_attribute(message, sizeof(ifinfomsg), [&](const nlattr* attr) {
    if (mnl_attr_get_type(attr) == IFLA_LINKINFO) veth = is_veth(attr);
    if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
      peer = static_cast<std::int32_t>(mnl_attr_get_u32(attr));
  });
  if (!veth || peer < 0) return std::nullopt;
  return HostVeth{peer, static_cast<std::uint32_t>(link->ifi_index)};
}

Outcome<SourcePortState> source_ports_here(Settings& settings) {
  const auto range_text = read_sysctl(settings, "ipv4/ip_local_port_range");
  const auto reserved_text = read_sysctl(settings, kReservedPorts);
  if (!range_text || !reserved_text)
    return std::unexpected((range_text ? reserved_text : range_text).error());
  const auto range = parse_port_range(*range_text);
  if (!range) return fault("sysctl net/ipv4/ip_local_port_range is no range: " + *range_text);
  const auto reserved = parse_port_list(*reserved_text);
  return SourcePortState{std::to_string(range->first) + "-" + std::to_string(range->last),
                         range->overlaps(kOurPorts), reserved && holds_all(*reserved, kOurPorts),
                         range->size() - range->shared(kOurPorts)};
}

// What capture wants a setting to be; nothing when it is well as it is. Where clients would be left with too
// few ports, or the list is too long to be kept, the reserved ones are left alone, which `sluice check`
// tells.
Outcome<std::optional<std::string>> wanted_value(Settings& settings, const SavedSysctls::Entry& entry) {
  if (entry.name != kReservedPorts)
    return entry.value == "1" ? std::nullopt : std::optional<std::string>("1");
  const auto ports = source_ports_here(settings);
  if (!ports) return std::unexpected(ports.error());
  const bool possible = ports->left >= kPortsLeftMin && entry.value.size() + 16 <= kSysctlMax;
  if (!ports->in_range || ports->reserved || !possible) return std::nullopt;
  return entry.value + (entry.value.empty() ? "" : ",") + std::to_string(kOurPorts.first) + "-" +
         std::to_string(kOurPorts.last);
}

// Are our ports reserved now and were not before? Otherwise the list is not ours to restore.
bool reserved_by_us(Settings& settings, const std::string& before) {
  const auto state = source_ports_here(settings);
  const auto list = parse_port_list(before);
  return state && state->reserved && list && !holds_all(*list, kOurPorts);
}

// What capture changes in a namespace, as it is now: IPv6's only where there is IPv6.
Outcome<SavedSysctls> capture_sysctls_here(Settings& settings) {
  SavedSysctls found;
  for (const std::string name :
       {"ipv4/tcp_fwmark_accept", "ipv4/fwmark_reflect", "ipv6/fwmark_reflect", kReservedPorts}) {
    if (name.starts_with("ipv6/") && !settings.has_ipv6()) continue;
    auto value = read_sysctl(settings, name);
    if (!value) return std::unexpected(value.error());
    found.entries.push_back({name, std::move(*value)});
  }
  return found;
}

}  // namespace

Outcome<Fd> open_namespace(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fault_errno("open network namespace " + path, errno, "does the workload still run?");
  if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    return fault(path + " is no network namespace", "attach.netns wants a path such as /run/netns/NAME");
  return fd;
}

Outcome<std::vector<LocalAddress>> local_addresses(int netns_fd) {
  return in_namespace(netns_fd, addresses_here);
}

Outcome<std::optional<IpAddr>> preferred_source_v4(int netns_fd) {
  return in_namespace(netns_fd, []() -> Outcome<std::optional<IpAddr>> {
    const auto addresses = addresses_here();
    if (!addresses) return std::unexpected(addresses.error());
    const auto route = default_route_v4();
    if (!route) return std::unexpected(route.error());
    if (*route && (*route)->source) return (*route)->source;
    std::optional<IpAddr> first;
    for (const auto& address : *addresses) {
      if (!address.ip.is_v4() || address.loopback || address.link_local) continue;
      if (*route && address.ifindex == (*route)->ifindex) return address.ip;
      if (!first) first = address.ip;
    }
    return first;
  });
}

Outcome<SavedSysctls> set_capture_sysctls(int netns_fd) {
  return in_namespace(netns_fd, []() -> Outcome<SavedSysctls> {
    Settings settings;
    auto before = capture_sysctls_here(settings);
    if (!before) return before;
    for (const auto& entry : before->entries) {
      const auto wanted = wanted_value(settings, entry);
      if (!wanted) return std::unexpected(wanted.error());
      if (!*wanted) continue;
      if (const auto written = write_sysctl(settings, entry.name, **wanted); !written)
        return std::unexpected(written.error());
    }
    return before;
  });
}

Outcome<std::vector<std::string>> check_capture_sysctls(int netns_fd) {
  return in_namespace(netns_fd, []() -> Outcome<std::vector<std::string>> {
    Settings settings;
    const auto found = capture_sysctls_here(settings);
    if (!found) return std::unexpected(found.error());
    std::vector<std::string> wrong;
    for (const auto& entry : found->entries) {
      const auto wanted = wanted_value(settings, entry);
      if (!wanted) return std::unexpected(wanted.error());
      if (*wanted) wrong.push_back("sysctl net/" + entry.name + " = " + **wanted);
    }
    return wrong;
  });
}

Outcome<> restore_sysctls(int netns_fd, const SavedSysctls& saved) {
  return in_namespace(netns_fd, [&]() -> Outcome<> {
    Settings settings;
    for (const auto& entry : saved.entries) {
      if (entry.name == kReservedPorts && !reserved_by_us(settings, entry.value)) continue;
      if (const auto written = write_sysctl(settings, entry.name, entry.value); !written) return written;
    }
    return {};
  });
}

Outcome<SourcePortState> source_port_state(int netns_fd) {
  return in_namespace(netns_fd, [] {
    Settings settings;
    return source_ports_here(settings);
  });
}

Outcome<std::vector<HostVeth>> list_host_veths() {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  std::vector<HostVeth> found;
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETLINK;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* request = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  request->ifi_family = AF_UNSPEC;
  const auto asked = netlink->ask(header, "list interfaces", [&](const nlmsghdr* message) {
    if (const auto veth = read_veth(message)) found.push_back(*veth);
  });
  if (!asked) return std::unexpected(asked.error());
  return found;
}

Outcome<std::vector<std::uint32_t>> host_side_veths(int netns_fd, const std::vector<HostVeth>& all) {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto number = namespace_number(*netlink, netns_fd);
  if (!number) return std::unexpected(number.error());
  std::vector<std::uint32_t> found;
  for (const auto& veth : all)
    if (*number && veth.peer_namespace == **number) found.push_back(veth.ifindex);
  return found;
}

Outcome<std::int32_t> peer_namespace_number(std::uint32_t ifindex) {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETLINK;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* request = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  request->ifi_family = AF_UNSPEC;
  request->ifi_index = static_cast<int>(ifindex);
  std::optional<std::int32_t> number;
  const auto asked = netlink->ask(header, "ask for an interface", [&](const nlmsghdr* message) {
    each_attribute(message, sizeof(ifinfomsg), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
        number = static_cast<std::int32_t>(mnl_attr_get_u32(attr));
    });
  });
  if (!asked) return std::unexpected(asked.error());
  if (!number)
    return fault("interface " + std::to_string(ifindex) + " has no peer in another network namespace");
  return *number;
}

}  // namespace sluice::kernel
