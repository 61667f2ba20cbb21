#include "upstream/hash_key.h"

#include <array>
#include <bit>
#include <charconv>

#include "upstream/hash.h"

namespace sluice::upstream {
namespace {

using Kind = policy::HashPolicy::Kind;

std::string new_cookie(const policy::HashPolicy& policy, std::string_view value) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(policy.ttl).count();
  std::string text = policy.name + "=\"" + std::string(value) + "\"";
  if (policy.ttl > Nanos::zero()) text += "; Max-Age=" + std::to_string(seconds);
  if (!policy.path.empty()) text += "; Path=" + policy.path;
  return text + "; HttpOnly";
}

std::string random_text(Random& random) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), random.next(), 16).ptr;
  return {digits.data(), end};
}

std::optional<std::uint64_t> cookie_hash(const policy::HashPolicy& policy, const HashSource& source,
                                         Random& random, HashKey& key) {
  const auto cookies = source.fields == nullptr ? std::nullopt : source.fields->find("cookie");
  if (cookies) {
    if (const auto value = cookie_value(*cookies, policy.name)) return xxh64(*value);
  }
  if (!policy.make || source.fields == nullptr || !key.set_cookie.empty()) return std::nullopt;
  const std::string value = random_text(random);
  key.set_cookie = new_cookie(policy, value);
  return xxh64(value);
}

std::optional<std::uint64_t> one_hash(const policy::HashPolicy& policy, const HashSource& source,
                                      Random& random, HashKey& key) {
  switch (policy.kind) {
    case Kind::header: {
      const auto value = source.fields == nullptr ? std::nullopt : source.fields->find(policy.name);
      return value ? std::optional(xxh64(*value)) : std::nullopt;
    }
    case Kind::cookie:
      return cookie_hash(policy, source, random, key);
    case Kind::source_ip:
      return xxh64(source.client.ip.text());
    case Kind::query: {
      const auto value = query_value(source.target, policy.name);
      return value ? std::optional(xxh64(*value)) : std::nullopt;
    }
    case Kind::filter_state:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

HashKey hash_key(std::span<const policy::HashPolicy> policies, const HashSource& source, Random& random) {
  HashKey key;
  for (const auto& policy : policies) {
    if (const auto hash = one_hash(policy, source, random, key)) {
      key.hash = key.hash ? std::rotl(*key.hash, 1) ^ *hash : *hash;
    }
    if (policy.terminal && key.hash) break;
  }
  return key;
}

std::optional<std::string_view> cookie_value(std::string_view cookies, std::string_view name) {
  // Several Cookie fields have been joined by a comma, which no cookie's value may contain.
  while (!cookies.empty()) {
    const auto end = cookies.find_first_of(";,");
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(end == std::string_view::npos ? cookies.size() : end + 1);
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    while (!pair.empty() && pair.back() == ' ') pair.remove_suffix(1);
    if (pair.size() <= name.size() || pair[name.size()] != '=' || !pair.starts_with(name)) continue;
    pair.remove_prefix(name.size() + 1);
    if (pair.size() >= 2 && pair.front() == '"' && pair.back() == '"') pair = pair.substr(1, pair.size() - 2);
    return pair;
  }
  return std::nullopt;
}

std::optional<std::string_view> query_value(std::string_view target, std::string_view name) {
  const auto question = target.find('?');
  if (question == std::string_view::npos) return std::nullopt;
  std::string_view query = target.substr(question + 1);
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace sluice::upstream
