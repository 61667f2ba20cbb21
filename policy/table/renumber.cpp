#include "policy/table/renumber.h"

#include <type_traits>

#include "policy/table/image_fields.h"

namespace sluice::policy {
namespace {

// Visits what the codec visits and touches nothing but rules.
struct Renumber {
  std::span<const RuleIndex> numbers;

  template <typename T>
  void number(T& value) {
    if constexpr (std::is_same_v<T, RuleIndex>) value = numbers[static_cast<std::uint32_t>(value)];
  }
  template <typename T>
  void choice(T&, T) {}
  void flag(bool&) {}
  void text(std::string&, std::uint32_t = 0) {}
  void address(IpAddr&) {}
  void duration(Nanos&) {}
  template <typename T, typename Each>
  void list(std::vector<T>& values, std::size_t, std::uint32_t, Each each) {
    for (auto& value : values) each(*this, value);
  }
};

}  // namespace

void renumber_rules(WorkloadImage& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kWorkload(visit, part);
}

void renumber_rules(OutboundImage& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kOutbound(visit, part);
}

void renumber_rules(Permissions& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kPermissions(visit, part);
}

void renumber_rules(HttpOutboundImage& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kHttpOutbound(visit, part);
}

void renumber_rules(ClusterImage& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kCluster(visit, part);
}

void renumber_rules(HttpInboundImage& part, std::span<const RuleIndex> numbers) {
  Renumber visit{numbers};
  fields::kHttpInbound(visit, part);
}

}  // namespace sluice::policy
