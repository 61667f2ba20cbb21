#include "random_mesh.h"

#include <algorithm>
#include <array>

namespace sluice::policy::property {
namespace {

constexpr std::array kServices{"web", "api", "db", "cache"};
constexpr std::array kVersions{"v1", "v2"};
constexpr std::array kApps{"red", "green"};

class Generator {
 public:
  explicit Generator(std::mt19937& random) : random_(random) {}

  Mesh mesh() {
    Mesh out;
    out.passthrough = chance(50);
    const int count = below(6) + 2;
    for (int i = 0; i < count; ++i) out.dataplanes.push_back(dataplane(i));
    for (int i = below(5); i > 0; --i) out.permissions.push_back(permission(i));
    for (int i = below(4); i > 0; --i) out.timeouts.push_back(timeout(i));
    for (int i = below(3); i > 0; --i) out.passthroughs.push_back(passthrough(i));
    return out;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  bool chance(int percent) { return below(100) < percent; }
  template <std::size_t N>
  std::string pick(const std::array<const char*, N>& values) {
    return values[random_() % N];
  }
  // Names in random order, so that precedence by name does not follow the order of generation.
  std::string name(const char* kind, int i) {
    return std::string(1, static_cast<char>('a' + below(26))) + "-" + kind + std::to_string(i);
  }

  Dataplane dataplane(int i) {
    Dataplane out;
    out.name = "dp" + std::to_string(i);
    out.address = "10.0.0." + std::to_string(i + 1);
    out.app = pick(kApps);
    // One service and version for the whole Dataplane: every client has one value for each tag.
    const auto service = pick(kServices);
    const auto version = pick(kVersions);
    for (int port = below(2) + 1; port > 0; --port) {
      out.inbounds.push_back({8000 + port, {{"kuma.io/service", service}, {"version", version}}});
    }
    for (int port = below(3); port > 0; --port) {
      Outbound outbound{9000 + port, {{"kuma.io/service", pick(kServices)}}};
      if (chance(30)) outbound.tags["version"] = pick(kVersions);
      out.outbounds.push_back(std::move(outbound));
    }
    return out;
  }

  Ref client() {
    Ref out;
    const int kind = below(4);
    out.kind = kind == 0   ? "Mesh"
               : kind == 1 ? "MeshSubset"
               : kind == 2 ? "MeshService"
                           : "MeshServiceSubset";
    if (kind == 1 && chance(50)) out.tags["kuma.io/service"] = pick(kServices);
    if (kind == 1 || kind == 3) out.tags["version"] = pick(kVersions);
    if (kind >= 2) out.name = pick(kServices);
    return out;
  }

  Ref top() {
    if (!chance(35)) return client();
    Ref out;
    out.kind = "Dataplane";
    if (chance(70)) out.app = pick(kApps);
    return out;
  }

  Match match() {
    static constexpr std::array kPrefixes{"spiffe://default", "spiffe://default/w", "spiffe://default/db",
                                          "spiffe://other"};
    if (chance(40)) return {true, pick(kPrefixes)};
    return {false, "spiffe://default/" + pick(kServices)};
  }

  Permission permission(int i) {
    Permission out;
    out.name = name("mtp", i);
    out.top = top();
    static constexpr std::array kActions{"Allow", "Deny", "AllowWithShadowDeny"};
    if (chance(65)) {
      for (int n = below(4) + 1; n > 0; --n) out.from.push_back({client(), pick(kActions)});
      return out;
    }
    for (int n = below(2) + 1; n > 0; --n) {
      RuleItem rule;
      for (int m = below(3); m > 0; --m) rule.deny.push_back(match());
      for (int m = below(3) + 1; m > 0; --m) rule.allow.push_back(match());
      out.rules.push_back(std::move(rule));
    }
    if (out.top.kind == "Dataplane" && chance(50)) out.top.section = std::to_string(8001 + below(2));
    return out;
  }

  TimeoutPolicy timeout(int i) {
    TimeoutPolicy out;
    out.name = name("mt", i);
    out.top = top();
    for (int n = below(3) + 1; n > 0; --n) {
      TimeoutItem item;
      item.to.kind = chance(50) ? "Mesh" : "MeshService";
      if (item.to.kind == "MeshService") item.to.name = pick(kServices);
      if (chance(70)) item.connect_seconds = below(50) + 1;
      if (chance(70) || !item.connect_seconds) item.idle_seconds = below(50);
      out.to.push_back(std::move(item));
    }
    return out;
  }

  Passthrough passthrough(int i) {
    Passthrough out;
    out.name = name("mp", i);
    static constexpr std::array kModes{"All", "None", "Matched", ""};
    static constexpr std::array kCidrs{"172.16.0.0/12", "172.16.5.0/24", "192.0.2.7/32", "198.51.100.0/24"};
    do {
      out.top = top();
    } while (out.top.kind == "MeshService" || out.top.kind == "MeshServiceSubset");
    out.mode = pick(kModes);
    for (int n = below(4); n > 0; --n) {
      Allowed allowed{pick(kCidrs), chance(50) ? 0 : 50 + below(3)};
      const auto same = [&](const Allowed& other) {
        return other.cidr == allowed.cidr && other.port == allowed.port;
      };
      if (std::ranges::none_of(out.matches, same)) out.matches.push_back(std::move(allowed));
    }
    return out;
  }

  std::mt19937& random_;
};

std::string tags_text(const Tags& tags) {
  std::string out = "{";
  for (const auto& [key, value] : tags) out.append(key).append(": ").append(value).append(", ");
  return out + "}";
}

std::string ref_text(const Ref& ref) {
  std::string out = "{kind: " + ref.kind;
  if (!ref.name.empty()) out += ", name: " + ref.name;
  if (!ref.tags.empty()) out += ", tags: " + tags_text(ref.tags);
  if (!ref.app.empty()) out += ", labels: {app: " + ref.app + "}";
  if (!ref.section.empty()) out += ", sectionName: '" + ref.section + "'";
  return out + "}";
}

std::string head(const std::string& type, const std::string& name) {
  return "---\ntype: " + type + "\nname: " + name + "\nmesh: default\n";
}

std::string dataplane_text(const Dataplane& dataplane) {
  std::string out = head("Dataplane", dataplane.name) + "labels: {app: " + dataplane.app + "}\n";
  out += "sluice: {node: n, attach: {cgroup: /" + dataplane.name + "}}\n";
  out += "networking:\n  address: " + dataplane.address + "\n  inbound:\n";
  for (const auto& inbound : dataplane.inbounds) {
    out += "    - {port: " + std::to_string(inbound.port) + ", tags: " + tags_text(inbound.tags) + "}\n";
  }
  if (!dataplane.outbounds.empty()) out += "  outbound:\n";
  for (const auto& outbound : dataplane.outbounds) {
    out += "    - {port: " + std::to_string(outbound.port) + ", tags: " + tags_text(outbound.tags) + "}\n";
  }
  return out;
}

std::string matches_text(const std::vector<Match>& matches) {
  std::string out = "[";
  for (const auto& match : matches) {
    out += "{spiffeID: {type: " + std::string(match.prefix ? "Prefix" : "Exact") + ", value: '" +
           match.value + "'}}, ";
  }
  return out + "]";
}

std::string permission_text(const Permission& permission) {
  std::string out = head("MeshTrafficPermission", permission.name) +
                    "spec:\n  targetRef: " + ref_text(permission.top) + "\n";
  out += permission.from.empty() ? "  rules:\n" : "  from:\n";
  for (const auto& item : permission.from) {
    out += "    - {targetRef: " + ref_text(item.client) + ", default: {action: " + item.action + "}}\n";
  }
  for (const auto& rule : permission.rules) {
    out +=
        "    - {default: {deny: " + matches_text(rule.deny) + ", allow: " + matches_text(rule.allow) + "}}\n";
  }
  return out;
}

std::string timeout_text(const TimeoutPolicy& policy) {
  std::string out =
      head("MeshTimeout", policy.name) + "spec:\n  targetRef: " + ref_text(policy.top) + "\n  to:\n";
  for (const auto& item : policy.to) {
    out += "    - {targetRef: " + ref_text(item.to) + ", default: {";
    if (item.connect_seconds) out += "connectionTimeout: " + std::to_string(*item.connect_seconds) + "s, ";
    if (item.idle_seconds) out += "idleTimeout: " + std::to_string(*item.idle_seconds) + "s";
    out += "}}\n";
  }
  return out;
}

std::string passthrough_text(const Passthrough& policy) {
  std::string out =
      head("MeshPassthrough", policy.name) + "spec:\n  targetRef: " + ref_text(policy.top) + "\n  default:\n";
  if (!policy.mode.empty()) out += "    passthroughMode: " + policy.mode + "\n";
  out += "    appendMatch: [";
  for (const auto& match : policy.matches) {
    out += "{type: CIDR, value: " + match.cidr;
    if (match.port != 0) out += ", port: " + std::to_string(match.port);
    out += "}, ";
  }
  return out + "]\n";
}

}  // namespace

Mesh random_mesh(std::mt19937& random) {
  return Generator(random).mesh();
}

std::string documents(const Mesh& mesh) {
  std::string out =
      "type: Mesh\nname: default\nmtls: {enabledBackend: ca, backends: [{name: ca, type: builtin}]}\n";
  out += "networking: {outbound: {passthrough: " + std::string(mesh.passthrough ? "true" : "false") + "}}\n";
  for (const auto& dataplane : mesh.dataplanes) out += dataplane_text(dataplane);
  for (const auto& permission : mesh.permissions) out += permission_text(permission);
  for (const auto& policy : mesh.timeouts) out += timeout_text(policy);
  for (const auto& policy : mesh.passthroughs) out += passthrough_text(policy);
  return out;
}

}  // namespace sluice::policy::property
