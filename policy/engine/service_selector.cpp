#include "policy/engine/service_selector.h"

#include <algorithm>
#include <charconv>

#include "policy/engine/select.h"

namespace sluice::policy {
namespace {

// As to_string() writes it, since "080" names no port.
std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t out = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || stop != text.data() + text.size() || std::to_string(out) != text)
    return std::nullopt;
  return out;
}

void add(std::vector<std::uint32_t>& places, std::uint32_t position) {
  if (places.empty() || places.back() != position) places.push_back(position);
}

// Labels that a resource may have without writing them, see labels_match().
bool written(const Entry& label) {
  return !label.value.scalar.empty() && label.key != "kuma.io/display-name" &&
         label.key != "k8s.kuma.io/namespace";
}

}  // namespace

bool contains_all(const Tags& tags, const Tags& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto found = tags.find(pair.first);
    return found != tags.end() && (found->second == pair.second || pair.second == "*");
  });
}

Tags tags_from(const Node& node) {
  Tags out;
  for (const auto& entry : node.fields) out[entry.key] = entry.value.scalar;
  return out;
}

ServiceSelector::ServiceSelector(const Resource& service, const Node& port) : service_(service) {
  const auto* target = port.find("targetPort");
  target_ = target == nullptr ? port.text_of("port") : std::string_view(target->scalar);
  target_number_ = port_number(target_);
  const auto* selector = service.spec().find("selector");
  if (selector == nullptr) return;
  if (const auto* ref = selector->find("dataplaneRef")) {
    name_ = ref->text_of("name");
  } else if (const auto* labels = selector->find_path({"dataplaneLabels", "matchLabels"})) {
    if (labels->size() > 0) labels_ = labels;
  } else if (const auto* tags = selector->find("dataplaneTags")) {
    tags_ = tags_from(*tags);
  }
}

bool ServiceSelector::picks(const DataplaneModel& dataplane) const {
  if (!name_.empty()) return name_ == dataplane.resource->name || name_ == dataplane.resource->display_name;
  // A selector in a namespace picks Dataplanes of that namespace only.
  if (!service_.ns.empty() && service_.ns != dataplane.resource->ns) return false;
  return labels_ == nullptr || labels_match(*labels_, *dataplane.resource);
}

bool ServiceSelector::picks(const DataplaneModel& dataplane, const InboundModel& inbound) const {
  if (inbound.address.port != target_number_ && inbound.section != target_) return false;
  const bool by_tags = name_.empty() && labels_ == nullptr;
  if (by_tags && (tags_.empty() || !contains_all(inbound.tags, tags_))) return false;
  return picks(dataplane);
}

EndpointIndex::EndpointIndex(const MeshWorld& mesh) {
  for (std::uint32_t position = 0; position < mesh.dataplanes.size(); ++position) {
    const auto& dataplane = mesh.dataplanes[position];
    all_.push_back(position);
    for (const auto& inbound : dataplane.inbounds)
      for (const auto& tag : inbound.tags) add(by_tag_[{tag.first, tag.second}], position);
    for (const auto& label : dataplane.resource->labels)
      add(by_label_[{label.first, label.second}], position);
    add(by_name_[dataplane.resource->name], position);
    add(by_name_[dataplane.resource->display_name], position);
  }
}

void EndpointIndex::narrow(const ByPair& index, const Pair& wanted, std::span<const std::uint32_t>& found) {
  const auto places = index.find(wanted);
  if (places == index.end()) {
    found = {};
  } else if (places->second.size() < found.size()) {
    found = places->second;
  }
}

std::span<const std::uint32_t> EndpointIndex::candidates(const ServiceSelector& selector) const {
  std::span<const std::uint32_t> found = all_;
  if (!selector.name_.empty()) {
    const auto named = by_name_.find(selector.name_);
    return named == by_name_.end() ? std::span<const std::uint32_t>() : std::span(named->second);
  }
  if (selector.labels_ != nullptr) {
    for (const auto& label : selector.labels_->fields)
      if (written(label)) narrow(by_label_, {label.key, label.value.scalar}, found);
    return found;
  }
  if (selector.tags_.empty()) return {};
  for (const auto& tag : selector.tags_)
    if (tag.second != "*") narrow(by_tag_, {tag.first, tag.second}, found);
  return found;
}

}  // namespace sluice::policy
