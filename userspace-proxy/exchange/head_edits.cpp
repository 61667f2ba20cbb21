#include "exchange/head_edits.h"

#include <utility>

namespace sluice::exchange {
namespace {

using HexPair = std::array<char, 2>;

constexpr auto kHexPairs = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<HexPair, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {kDigits[i / 16], kDigits[i % 16]};
  return table;
}();

}  // namespace

void HeadEdits::apply(const policy::HeaderEdits& edits) {
  for (const auto& field : edits.set) set(field.name, field.value);
  for (const auto& field : edits.add) add(field.name, field.value);
  for (const auto& name : edits.remove) remove(name);
}

void HeadEdits::reset_made(std::string_view name, std::string_view value) {
  auto others = std::exchange(set_, {});
  for (const http::SetField& field : others.all()) {
    if (field.name != name) set_.push_back(field);
  }
  set_made(name, {value});
}

std::string_view HeadEdits::keep(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (size > text_.size() - text_used_) {
    std::string& text = long_texts_.emplace_front();
    text.reserve(size);
    for (const std::string_view part : parts) text.append(part);
    return text;
  }
  char* const begin = text_.data() + text_used_;
  char* at = begin;
  for (const std::string_view part : parts) at = std::ranges::copy(part, at).out;
  text_used_ += size;
  return {begin, size};
}

std::string rewritten(const policy::PathRewrite& rewrite, std::string_view matched_prefix,
                      std::string_view target) {
  using Kind = policy::PathRewrite::Kind;
  const std::size_t path_end = std::min(target.find('?'), target.size());
  const std::string_view query = target.substr(path_end);
  switch (rewrite.kind) {
    case Kind::none:
      return std::string(target);
    case Kind::full:
      return rewrite.value + std::string(query);
    case Kind::prefix:
      break;
  }
  // Gateway API, HTTPPathModifier: "/foo" to "/" makes "/foo/bar" "/bar", and "/foo" "/".
  while (matched_prefix.ends_with('/')) matched_prefix.remove_suffix(1);
  std::string_view replacement = rewrite.value;
  while (replacement.ends_with('/')) replacement.remove_suffix(1);
  std::string_view rest = target.substr(0, path_end);
  rest.remove_prefix(std::min(matched_prefix.size(), rest.size()));
  std::string path = std::string(replacement) + std::string(rest);
  if (path.empty() || path.front() != '/') path.insert(path.begin(), '/');
  return path.append(query);
}

std::string redirect_location(const policy::Redirect& redirect, std::string_view matched_prefix,
                              std::string_view authority, std::string_view target) {
  const std::string_view scheme = redirect.scheme.empty() ? std::string_view("http") : redirect.scheme;
  const std::size_t colon = authority.ends_with(']') ? std::string_view::npos : authority.rfind(':');
  const std::string_view own_port =
      colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
  std::string out = std::string(scheme).append("://");
  out.append(redirect.hostname.empty() ? authority.substr(0, colon) : std::string_view(redirect.hostname));
  if (redirect.port != 0) {
    const bool usual =
        (scheme == "http" && redirect.port == 80) || (scheme == "https" && redirect.port == 443);
    if (!usual) out.append(":").append(std::to_string(redirect.port));
  } else if (redirect.scheme.empty() && !own_port.empty()) {
    out.append(":").append(own_port);
  }
  return out.append(rewritten(redirect.path, matched_prefix, target));
}

// The form of a random UUID (RFC 9562 section 5.4).
std::array<char, 36> request_id(std::uint64_t random_high, std::uint64_t random_low) {
  const std::uint64_t high = (random_high & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random_low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  std::array<char, 36> text;
  char* at = text.data();
  const auto put = [&at](std::uint64_t value, int from_bit, int to_bit) {
    for (int bit = from_bit - 8; bit >= to_bit; bit -= 8)
      at = std::ranges::copy(kHexPairs[value >> bit & 0xff], at).out;
  };
  put(high, 64, 32);
  *at++ = '-';
  put(high, 32, 16);
  *at++ = '-';
  put(high, 16, 0);
  *at++ = '-';
  put(low, 64, 48);
  *at++ = '-';
  put(low, 48, 0);
  return text;
}

}  // namespace sluice::exchange
