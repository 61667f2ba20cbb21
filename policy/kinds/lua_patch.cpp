#include "policy/kinds/lua_patch.h"

#include <algorithm>
#include <array>

#include "policy/kinds/envoy_resource.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kLuaType = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";
constexpr std::string_view kRouter = "envoy.filters.http.router";

// Protobuf reads both spellings.
const Node* field(const Node& node, std::string_view camel, std::string_view snake) {
  const auto* found = node.find(camel);
  return found == nullptr ? node.find(snake) : found;
}

bool only_fields(const Node& node, std::initializer_list<std::string_view> known) {
  return std::ranges::all_of(node.fields, [&](const Entry& entry) {
    return entry.value.is_null() || std::ranges::find(known, entry.key) != known.end();
  });
}

std::expected<std::string, std::string> code_of(const Node& config) {
  if (!only_fields(config, {"@type", "inlineCode", "inline_code", "defaultSourceCode", "default_source_code",
                            "statPrefix", "stat_prefix"})) {
    return std::unexpected("its Lua filter has settings besides the code");
  }
  const auto* inline_code = field(config, "inlineCode", "inline_code");
  const auto* source = field(config, "defaultSourceCode", "default_source_code");
  if (source != nullptr && !only_fields(*source, {"inlineString", "inline_string"}))
    return std::unexpected("its Lua filter takes its code from elsewhere");
  const auto* text = source == nullptr ? inline_code : field(*source, "inlineString", "inline_string");
  if (text == nullptr || text->scalar.empty()) return std::unexpected("its Lua filter has no code");
  if (text->scalar.size() > kMaxLuaPatchCode) {
    return std::unexpected("its Lua filter has more than " + std::to_string(kMaxLuaPatchCode) +
                           " bytes of code");
  }
  return text->scalar;
}

std::string place(const Node& filter, LuaPatch& out) {
  const auto* match = filter.find("match");
  const auto name = match == nullptr ? std::string_view() : match->text_of("name");
  const auto operation = filter.text_of("operation");
  if (operation == "AddFirst" && name.empty()) {
    out.first = true;
  } else if (operation != "AddBefore" || name != kRouter) {
    return "its Lua filter is neither first nor right before the router";
  }
  if (match == nullptr) return {};
  if (match->find("listenerName") != nullptr) return "its Lua filter is for one listener of Envoy by name";
  const auto origin = match->text_of("origin");
  if (!origin.empty() && origin != "inbound" && origin != "outbound")
    return "its Lua filter is for listeners that Sluice has not: " + std::string(origin);
  out.inbound = origin != "outbound";
  out.outbound = origin != "inbound";
  out.tags = match->find("listenerTags");
  return {};
}

}  // namespace

std::expected<LuaPatch, std::string> lua_patch(const Node& modification) {
  const auto* filter = modification.find("httpFilter");
  const auto* value = filter == nullptr ? nullptr : filter->find("value");
  const auto fields = value == nullptr ? std::nullopt : envoy_fields(value->scalar);
  const auto* config = fields ? fields->find("typedConfig") : nullptr;
  if (config == nullptr || config->text_of("@type") != kLuaType ||
      !filter->text_of("operation").starts_with("Add")) {
    return std::unexpected("it changes the configuration of Envoy, which Sluice is not");
  }
  if (!only_fields(*fields, {"name", "typedConfig"}))
    return std::unexpected("its Lua filter has settings besides the code");
  LuaPatch out;
  out.name = std::string(fields->text_of("name")).substr(0, 256);
  auto code = code_of(*config);
  if (!code) return std::unexpected(std::move(code.error()));
  out.code = std::move(*code);
  if (auto problem = place(*filter, out); !problem.empty()) return std::unexpected(std::move(problem));
  return out;
}

}  // namespace sluice::policy
