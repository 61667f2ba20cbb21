#include "policy/kinds/enforced.h"

#include <algorithm>

namespace sluice::policy {
namespace {

struct Part {
  std::string_view kind;
  std::string_view path;
  bool enforced = false;
};

constexpr bool yes = true;
constexpr bool not_yet = false;

constexpr Part kParts[] = {
#define SLUICE_PART(kind, path, state) {#kind, path, state},
#include "policy/kinds/enforced.def"
#undef SLUICE_PART
    // Keeps both words in use whatever the list says.
    {{}, {}, yes || not_yet}};

bool has(const Node& node, std::string_view path) {
  if (node.is_sequence())
    return std::ranges::any_of(node.items, [&](const Node& item) { return has(item, path); });
  const auto dot = path.find('.');
  const auto* next = node.find(path.substr(0, dot));
  if (next == nullptr) return false;
  return dot == std::string_view::npos || has(*next, path.substr(dot + 1));
}

}  // namespace

std::vector<std::string_view> parts_not_enforced(std::string_view kind) {
  std::vector<std::string_view> out;
  for (const auto& part : kParts) {
    if (part.kind == kind && !part.enforced) out.push_back(part.path);
  }
  return out;
}

std::vector<std::string_view> parts_not_enforced_in(const Resource& resource) {
  auto out = parts_not_enforced(resource.kind);
  std::erase_if(out, [&](std::string_view path) { return !has(resource.spec(), path); });
  return out;
}

}  // namespace sluice::policy
