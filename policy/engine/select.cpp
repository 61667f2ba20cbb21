#include "policy/engine/select.h"

#include <algorithm>

#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kServiceTag = "kuma.io/service";

bool tags_match(const Node* wanted, const Tags& tags) {
  if (wanted == nullptr) return true;
  return std::ranges::all_of(wanted->fields, [&](const Entry& entry) {
    const auto found = tags.find(entry.key);
    return found != tags.end() && (found->second == entry.value.scalar || entry.value.scalar == "*");
  });
}

bool tag_is(const Tags& tags, std::string_view key, std::string_view value) {
  const auto found = tags.find(std::string(key));
  return found != tags.end() && found->second == value;
}

void select_all(const DataplaneModel& dataplane, Selection& out) {
  out.proxy = true;
  out.inbounds.assign(dataplane.inbounds.size(), true);
  out.listeners.assign(dataplane.listeners.size(), true);
}

// 2.x references by tags look at each inbound for itself, so one proxy may be selected in part.
void select_by_tags(const Node& ref, std::string_view kind, const DataplaneModel& dataplane, Selection& out) {
  const auto name = ref.text_of("name");
  const auto* wanted = kind == "MeshService" ? nullptr : ref.find("tags");
  const auto matches = [&](const Tags& tags) {
    if (kind != "MeshSubset" && !tag_is(tags, kServiceTag, name)) return false;
    return tags_match(wanted, tags);
  };
  for (std::size_t i = 0; i < dataplane.inbounds.size(); ++i) {
    out.inbounds[i] = matches(dataplane.inbounds[i].tags);
    out.proxy = out.proxy || out.inbounds[i];
  }
  // Gateways and Ignored inbounds have their tags only here.
  out.proxy = out.proxy || std::ranges::any_of(dataplane.identity_tags, matches) ||
              (dataplane.inbounds.empty() && dataplane.identity_tags.empty() && matches({}));
}

// A name means a resource of the policy's own zone. Documents as a user writes them say no zone.
bool same_zone(const Resource& policy, const Resource& resource) {
  const bool placed = !policy.label("kuma.io/origin").empty() || !policy.label("kuma.io/zone").empty();
  return !placed || policy.label("kuma.io/zone") == resource.label("kuma.io/zone");
}

bool has_labels(const Node& ref) {
  const auto* labels = ref.find("labels");
  return labels != nullptr && labels->size() > 0;
}

void select_dataplane(const Node& ref, const Resource& policy, const DataplaneModel& dataplane,
                      Dialect dialect, Selection& out) {
  const bool any = !has_labels(ref) && ref.text_of("name").empty();
  if (!any && !refers_to(ref, policy, *dataplane.resource, dialect)) return;
  const auto section = ref.text_of("sectionName");
  if (section.empty()) return select_all(dataplane, out);
  for (std::size_t i = 0; i < dataplane.inbounds.size(); ++i) {
    // A named inbound does not answer to its port.
    out.inbounds[i] = dataplane.inbounds[i].section == section;
    out.proxy = out.proxy || out.inbounds[i];
  }
  for (std::size_t i = 0; i < dataplane.listeners.size(); ++i) {
    out.listeners[i] = dataplane.listeners[i].section == section;
    out.proxy = out.proxy || out.listeners[i];
  }
}

bool proxy_type_matches(const Node* ref, const DataplaneModel& dataplane) {
  const auto* types = ref == nullptr ? nullptr : ref->find("proxyTypes");
  if (types == nullptr || types->items.empty()) return true;
  const std::string_view own = dataplane.gateway ? "Gateway" : "Sidecar";
  return std::ranges::any_of(types->items, [&](const Node& type) { return type.scalar == own; });
}

bool within_reach(const Resource& policy, const DataplaneModel& dataplane) {
  if (policy.label("kuma.io/effect") == "shadow") return false;
  const auto role = role_of(policy);
  if (role != PolicyRole::producer && policy.label("kuma.io/origin") == "zone") {
    const auto zone = policy.label("kuma.io/zone");
    const auto& own = dataplane.zone;
    if (!zone.empty() && !own.empty() && zone != own) return false;
  }
  if (role == PolicyRole::consumer || role == PolicyRole::workload_owner)
    return policy.ns == dataplane.resource->ns;
  return true;
}

Selection nothing(const DataplaneModel& dataplane) {
  return {false, std::vector<bool>(dataplane.inbounds.size(), false),
          std::vector<bool>(dataplane.listeners.size(), false)};
}

void add(const Selection& more, Selection& out) {
  out.proxy = out.proxy || more.proxy;
  for (std::size_t i = 0; i < more.inbounds.size(); ++i)
    out.inbounds[i] = out.inbounds[i] || more.inbounds[i];
  for (std::size_t i = 0; i < more.listeners.size(); ++i)
    out.listeners[i] = out.listeners[i] || more.listeners[i];
}

Selection select_by_top(const Resource& policy, const DataplaneModel& dataplane, Dialect dialect) {
  auto out = nothing(dataplane);
  const auto* ref = policy.spec().find("targetRef");
  const auto kind = target_kind(policy.spec());
  if (kind == "Mesh") {
    if (proxy_type_matches(ref, dataplane)) select_all(dataplane, out);
  } else if (kind == "Dataplane") {
    select_dataplane(*ref, policy, dataplane, dialect, out);
  } else if (kind == "MeshSubset" || kind == "MeshService" || kind == "MeshServiceSubset") {
    if (proxy_type_matches(ref, dataplane)) select_by_tags(*ref, kind, dataplane, out);
  }
  return out;
}

}  // namespace

bool labels_match(const Node& wanted, const Resource& resource, Dialect dialect) {
  const bool written = resource.kubernetes || dialect == Dialect::kuma_3;
  return std::ranges::all_of(wanted.fields, [&](const Entry& entry) {
    auto value = resource.label(entry.key);
    if (written && value.empty() && entry.key == "kuma.io/display-name") value = resource.display_name;
    if (written && value.empty() && entry.key == "k8s.kuma.io/namespace") value = resource.ns;
    return value == entry.value.scalar;
  });
}

bool refers_to(const Node& ref, const Resource& policy, const Resource& resource, Dialect dialect) {
  if (has_labels(ref)) return labels_match(*ref.find("labels"), resource, dialect);
  const auto name = ref.text_of("name");
  if (name.empty() || (name != resource.display_name && name != resource.name)) return false;
  const auto ns = ref.text_of("namespace").empty() ? std::string_view(policy.ns) : ref.text_of("namespace");
  return (ns.empty() || ns == resource.ns) && same_zone(policy, resource);
}

Selection select(const Resource& policy, const DataplaneModel& dataplane, const MeshWorld& mesh) {
  if (!within_reach(policy, dataplane)) return nothing(dataplane);
  if (target_kind(policy.spec()) != "MeshHTTPRoute") return select_by_top(policy, dataplane, mesh.dialect);
  auto out = nothing(dataplane);
  const auto& ref = *policy.spec().find("targetRef");
  for (const auto* route : mesh.of_kind("MeshHTTPRoute")) {
    if (refers_to(ref, policy, *route, mesh.dialect))
      add(select_by_top(*route, dataplane, mesh.dialect), out);
  }
  return out;
}

}  // namespace sluice::policy
