// The fwmark rule and the local routes of kernel/netns_setup.h.
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "kernel/enter.h"
#include "kernel/netlink.h"
#include "kernel/netlink_attributes.h"
#include "kernel/netns_setup.h"
#include "local_hop.h"

namespace sluice::kernel {
namespace {

using Buffer = std::array<char, 1024>;

struct Families {
  bool v4 = false;
  bool v6 = false;
};

// IPv6 may be compiled out or disabled for the whole machine; then there is nothing to capture.
Families families(const CaptureRouting& routing) {
  const Fd ipv6(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return {routing.source_v4.has_value(), ipv6.valid()};
}

nlmsghdr* rule_request(Buffer& buffer, std::uint16_t type, std::uint16_t flags, int family,
                       const CaptureRouting& routing) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  auto* rule = static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(header, sizeof(fib_rule_hdr)));
  rule->family = static_cast<std::uint8_t>(family);
  rule->action = FR_ACT_TO_TBL;
  rule->table = RT_TABLE_UNSPEC;
  mnl_attr_put_u32(header, FRA_TABLE, routing.table);
  mnl_attr_put_u32(header, FRA_FWMARK, routing.mark & routing.mask);
  mnl_attr_put_u32(header, FRA_FWMASK, routing.mask);
  mnl_attr_put_u32(header, FRA_PRIORITY, routing.priority);
  return header;
}

nlmsghdr* route_request(Buffer& buffer, std::uint16_t type, std::uint16_t flags, int family,
                        const CaptureRouting& routing) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
  route->rtm_family = static_cast<std::uint8_t>(family);
  route->rtm_table = RT_TABLE_UNSPEC;
  route->rtm_protocol = RTPROT_STATIC;
  route->rtm_type = RTN_LOCAL;
  route->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  mnl_attr_put_u32(header, RTA_TABLE, routing.table);
  mnl_attr_put_u32(header, RTA_OIF, ::if_nametoindex("lo"));
  if (family == AF_INET && type == RTM_NEWROUTE && routing.source_v4)
    mnl_attr_put(header, RTA_PREFSRC, 4, routing.source_v4->bytes.data() + 12);
  if (type == RTM_NEWROUTE) {
    nlattr* metrics = mnl_attr_nest_start(header, RTA_METRICS);
    mnl_attr_put_strz(header, RTAX_CC_ALGO, SLUICE_LOCAL_CONGESTION_CONTROL);
    mnl_attr_nest_end(header, metrics);
  }
  return header;
}

struct RuleFacts {
  std::uint32_t table = 0;
  std::uint32_t mark = 0;
  std::uint32_t mask = 0xffffffff;
  std::uint32_t priority = 0;
};

RuleFacts read_rule(const nlmsghdr* message) {
  RuleFacts facts;
  const auto* rule = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(message));
  facts.table = rule->table;
  each_attribute(message, sizeof(fib_rule_hdr), [&](const nlattr* attr) {
    if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0) return;
    switch (mnl_attr_get_type(attr)) {
      case FRA_TABLE:
        facts.table = mnl_attr_get_u32(attr);
        break;
      case FRA_FWMARK:
        facts.mark = mnl_attr_get_u32(attr);
        break;
      case FRA_FWMASK:
        facts.mask = mnl_attr_get_u32(attr);
        break;
      case FRA_PRIORITY:
        facts.priority = mnl_attr_get_u32(attr);
        break;
      default:
        break;
    }
  });
  return facts;
}

// Rules of this mark and table, whatever their priority.
Outcome<std::vector<RuleFacts>> find_rules(Netlink& netlink, int family, const CaptureRouting& routing) {
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETRULE;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* rule = static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(header, sizeof(fib_rule_hdr)));
  rule->family = static_cast<std::uint8_t>(family);
  std::vector<RuleFacts> found;
  const auto asked = netlink.ask(header, "list routing rules", [&](const nlmsghdr* message) {
    const auto facts = read_rule(message);
    if (facts.table == routing.table && facts.mark == (routing.mark & routing.mask) &&
        facts.mask == routing.mask)
      found.push_back(facts);
  });
  if (!asked) return std::unexpected(asked.error());
  return found;
}

struct RouteFacts {
  bool in_table = false;
  bool local_default = false;
  std::optional<IpAddr> source;
};

RouteFacts read_route(const nlmsghdr* message, std::uint32_t table, int family) {
  RouteFacts facts;
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  std::uint32_t in = route->rtm_table;
  each_attribute(message, sizeof(rtmsg), [&](const nlattr* attr) {
    if (mnl_attr_get_type(attr) == RTA_TABLE && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
      in = mnl_attr_get_u32(attr);
    if (mnl_attr_get_type(attr) == RTA_PREFSRC && family == AF_INET && mnl_attr_get_payload_len(attr) == 4) {
      IpAddr source;
      source.bytes[10] = source.bytes[11] = 0xff;
      std::memcpy(source.bytes.data() + 12, mnl_attr_get_payload(attr), 4);
      facts.source = source;
    }
  });
  facts.in_table = in == table && route->rtm_family == family;
  facts.local_default = route->rtm_type == RTN_LOCAL && route->rtm_dst_len == 0;
  return facts;
}

Outcome<std::vector<RouteFacts>> find_routes(Netlink& netlink, int family, std::uint32_t table) {
  Buffer buffer;
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETROUTE;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(rtmsg)));
  route->rtm_family = static_cast<std::uint8_t>(family);
  std::vector<RouteFacts> found;
  const auto asked = netlink.ask(header, "list routes", [&](const nlmsghdr* message) {
    const auto facts = read_route(message, table, family);
    if (facts.in_table) found.push_back(facts);
  });
  if (!asked) return std::unexpected(asked.error());
  return found;
}

Outcome<> add_family(Netlink& netlink, int family, const CaptureRouting& routing) {
  Buffer buffer;
  nlmsghdr* route = route_request(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, family, routing);
  if (const auto added = netlink.ask(route, "add the local route", {}); !added) return added;
  const auto rules = find_rules(netlink, family, routing);
  if (!rules) return std::unexpected(rules.error());
  for (const auto& rule : *rules)
    if (rule.priority == routing.priority) return {};
  nlmsghdr* rule = rule_request(buffer, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, routing);
  return netlink.ask(rule, "add the mark rule", {}, EEXIST);
}

Outcome<> remove_family(Netlink& netlink, int family, CaptureRouting routing) {
  Buffer buffer;
  const auto rules = find_rules(netlink, family, routing);
  if (!rules) return std::unexpected(rules.error());
  for (const auto& found : *rules) {
    routing.priority = found.priority;
    nlmsghdr* rule = rule_request(buffer, RTM_DELRULE, 0, family, routing);
    if (const auto removed = netlink.ask(rule, "remove the mark rule", {}, ENOENT); !removed) return removed;
  }
  const auto routes = find_routes(netlink, family, routing.table);
  if (!routes) return std::unexpected(routes.error());
  for (std::size_t i = 0; i < routes->size(); ++i) {
    nlmsghdr* route = route_request(buffer, RTM_DELROUTE, 0, family, routing);
    if (const auto removed = netlink.ask(route, "remove the local route", {}, ESRCH); !removed)
      return removed;
  }
  return {};
}

Outcome<> check_family(Netlink& netlink, int family, const CaptureRouting& routing,
                       std::vector<std::string>& missing) {
  const std::string name = family == AF_INET ? "IPv4" : "IPv6";
  const auto rules = find_rules(netlink, family, routing);
  if (!rules) return std::unexpected(rules.error());
  bool rule_ok = false;
  for (const auto& rule : *rules) rule_ok = rule_ok || rule.priority == routing.priority;
  if (!rule_ok) missing.push_back(name + " rule for the capture mark");
  const auto routes = find_routes(netlink, family, routing.table);
  if (!routes) return std::unexpected(routes.error());
  bool route_ok = false;
  bool source_ok = family != AF_INET;
  for (const auto& route : *routes) {
    route_ok = route_ok || route.local_default;
    source_ok = source_ok || (route.local_default && route.source == routing.source_v4);
  }
  if (!route_ok) missing.push_back(name + " local route of the capture table");
  if (route_ok && !source_ok) missing.push_back(name + " preferred source of the capture route");
  return {};
}

template <typename Function>
Outcome<> each_family(const CaptureRouting& routing, bool also_v4, const Function& function) {
  auto netlink = Netlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto use = families(routing);
  if (use.v4 || also_v4)
    if (const auto done = function(*netlink, AF_INET); !done) return done;
  if (use.v6)
    if (const auto done = function(*netlink, AF_INET6); !done) return done;
  return {};
}

}  // namespace

Outcome<> add_capture_routing(int netns_fd, const CaptureRouting& routing) {
  return in_namespace(netns_fd, [&]() -> Outcome<> {
    return each_family(routing, false,
                       [&](Netlink& netlink, int family) { return add_family(netlink, family, routing); });
  });
}

Outcome<std::vector<std::string>> check_capture_routing(int netns_fd, const CaptureRouting& routing) {
  return in_namespace(netns_fd, [&]() -> Outcome<std::vector<std::string>> {
    std::vector<std::string> missing;
    const auto done = each_family(routing, false, [&](Netlink& netlink, int family) {
      return check_family(netlink, family, routing, missing);
    });
    if (!done) return std::unexpected(done.error());
    return missing;
  });
}

Outcome<std::vector<std::string>> left_capture_routing(int netns_fd, const CaptureRouting& routing) {
  return in_namespace(netns_fd, [&]() -> Outcome<std::vector<std::string>> {
    std::vector<std::string> left;
    const auto done = each_family(routing, true, [&](Netlink& netlink, int family) -> Outcome<> {
      const std::string name = family == AF_INET ? "IPv4" : "IPv6";
      const auto rules = find_rules(netlink, family, routing);
      if (!rules) return std::unexpected(rules.error());
      const auto routes = find_routes(netlink, family, routing.table);
      if (!routes) return std::unexpected(routes.error());
      if (!rules->empty()) left.push_back(name + " rule for the capture mark");
      if (!routes->empty()) left.push_back(name + " route of the capture table");
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return left;
  });
}

Outcome<> remove_capture_routing(int netns_fd, const CaptureRouting& routing) {
  return in_namespace(netns_fd, [&]() -> Outcome<> {
    return each_family(routing, true,
                       [&](Netlink& netlink, int family) { return remove_family(netlink, family, routing); });
  });
}

}  // namespace sluice::kernel
