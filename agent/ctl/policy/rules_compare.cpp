#include "ctl/policy/rules_compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "policy/kinds/duration.h"

namespace sluice::ctl {
namespace {

// Keys in order, so that equal objects have equal text.
using Sorted = nlohmann::json;

bool is_empty(const Sorted& json) {
  return json.is_null() || (json.is_structured() && json.empty());
}

Sorted normal(const Sorted& json) {
  if (json.is_string()) {
    const auto duration = policy::parse_duration(json.get<std::string>());
    return duration ? Sorted(std::to_string(duration->count()) + "ns") : json;
  }
  if (json.is_array()) {
    auto out = Sorted::array();
    for (const auto& item : json) out.push_back(normal(item));
    return out;
  }
  if (!json.is_object()) return json;
  auto out = Sorted::object();
  for (const auto& [key, item] : json.items()) {
    if (key == "labels" || key == "warnings") continue;
    if (auto value = normal(item); !is_empty(value)) out[key] = std::move(value);
  }
  return out;
}

// What a rule is about, by which rules of two answers are paired.
std::string about(const Sorted& rule) {
  std::string out;
  for (const auto* key : {"resourceMeta", "inbound", "resourceSectionName", "matchers", "hash"}) {
    if (const auto found = rule.find(key); found != rule.end()) out += found->dump() + " ";
  }
  return out;
}

using Rules = std::map<std::string, Sorted>;

// Rules whose order tells nothing are paired by what they are about, others by their place too.
Rules by_place(const Sorted& part, bool ordered) {
  Rules out;
  if (part.is_object()) out[""] = part;
  if (!part.is_array()) return out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    auto place = about(part[i]);
    if (ordered) place = "[" + std::to_string(i) + "] " + place;
    while (out.contains(place)) place += "again ";
    out[place] = part[i];
  }
  return out;
}

class Comparison {
 public:
  explicit Comparison(std::size_t limit) : limit_(limit) {}

  void compare(const std::string& kind, const std::string& part, const Sorted& here, const Sorted& there) {
    const bool ordered = part == "toRules";
    const auto ours = by_place(here, ordered);
    const auto theirs = by_place(there, ordered);
    std::set<std::string> places;
    for (const auto& [place, rule] : ours) places.insert(place);
    for (const auto& [place, rule] : theirs) places.insert(place);
    for (const auto& place : places) {
      const auto own = ours.find(place);
      const auto other = theirs.find(place);
      const auto text = own == ours.end() ? std::string() : own->second.dump();
      const auto other_text = other == theirs.end() ? std::string() : other->second.dump();
      if (text != other_text && out_.size() < limit_) out_.push_back({kind, part, place, text, other_text});
    }
  }

  std::vector<RulesDifference> take() { return std::move(out_); }

 private:
  std::size_t limit_;
  std::vector<RulesDifference> out_;
};

const Sorted& member(const Sorted& object, const std::string& key) {
  static const Sorted kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

Rules by_kind(const Sorted& answer) {
  Rules out;
  const auto& rules = member(answer, "rules");
  if (!rules.is_array()) return out;
  for (const auto& entry : rules) {
    const auto& type = member(entry, "type");
    if (type.is_string()) out[type.get<std::string>()] = entry;
  }
  return out;
}

}  // namespace

std::vector<RulesDifference> compare_rules(const Json& here, const Json& there, std::size_t limit) {
  const auto ours = normal(Sorted::parse(here.dump()));
  const auto theirs = normal(Sorted::parse(there.dump()));
  auto own = by_kind(ours);
  auto other = by_kind(theirs);
  std::set<std::string> kinds;
  for (const auto& [kind, entry] : own) kinds.insert(kind);
  for (const auto& [kind, entry] : other) kinds.insert(kind);
  Comparison out(limit);
  for (const auto& kind : kinds) {
    for (const auto* part : {"proxyRule", "toRules", "toResourceRules", "fromRules", "inboundRules"})
      out.compare(kind, part, member(own[kind], part), member(other[kind], part));
  }
  out.compare("httpMatches", "", member(ours, "httpMatches"), member(theirs, "httpMatches"));
  return out.take();
}

}  // namespace sluice::ctl
