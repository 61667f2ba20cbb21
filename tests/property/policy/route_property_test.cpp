// Random routes and requests: the index finds the route that trying one after the other finds.
// SLUICE_SEED=N repeats a run; SLUICE_ROUNDS=N makes it longer.
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "policy/table/regexes.h"
#include "policy/table/route_index.h"

namespace sluice::policy::property {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

using Map = std::map<std::string, std::string, std::less<>>;

class Fields final : public HeaderFields {
 public:
  explicit Fields(const Map& map) : map_(map) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = map_.find(name);
    return found == map_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  }

 private:
  const Map& map_;
};

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  unsigned up_to(unsigned count) { return static_cast<unsigned>(random_() % count); }
  bool one_in(unsigned count) { return up_to(count) == 0; }
  const char* of(std::initializer_list<const char*> list) {
    return *(list.begin() + up_to(static_cast<unsigned>(list.size())));
  }

  std::string path() {
    std::string out;
    const auto parts = up_to(4);
    for (unsigned i = 0; i < parts; ++i) out += of({"/", "/a", "/b", "/ab", "/a.b", "/1"});
    return out.empty() ? "/" : out;
  }
  TextMatch condition(const char* name) {
    const auto kind = static_cast<TextMatch::Kind>(up_to(5));
    const std::string value =
        kind == TextMatch::Kind::regex ? of({"v.*", "v[12]", ".*2", ""}) : of({"v1", "v2", "v", ""});
    return {kind, name, value};
  }
  RouteMatch match() {
    RouteMatch out;
    out.path.kind = static_cast<PathMatch::Kind>(up_to(4));
    if (out.path.kind == PathMatch::Kind::regex) {
      out.path.value = of({"/a.*", "/[ab]/.*", ".*b", "/ab?", "/(a|b)+", "(?i)/A/B", "/a/\\d"});
    } else if (out.path.kind != PathMatch::Kind::any) {
      out.path.value = path();
    }
    if (one_in(3)) out.method = of({"GET", "POST"});
    for (const auto* name : {"x", "y"}) {
      if (one_in(4)) out.headers.push_back(condition(name));
      if (one_in(5)) out.query.push_back(condition(name));
    }
    return out;
  }
  std::string query() {
    std::string out;
    const auto parts = up_to(4);
    for (unsigned i = 0; i < parts; ++i) out += of({"x=v1&", "x=v2&", "y=v1&", "y&", "x=&", "&", "z=x=v1&"});
    return out;
  }

 private:
  std::mt19937 random_;
};

// What documentation says of paths, written down anew.
bool path_holds(const PathMatch& match, const std::string& path) {
  switch (match.kind) {
    case PathMatch::Kind::any:
      return true;
    case PathMatch::Kind::exact:
      return path == match.value;
    case PathMatch::Kind::regex:
      return re2::RE2::FullMatch(path, match.value);
    case PathMatch::Kind::prefix:
      if (match.value == "/") return path.starts_with("/");
      return path == match.value || path.starts_with(match.value + "/");
  }
  return false;
}

bool text_holds(const TextMatch& match, const Map& values) {
  const auto found = values.find(match.name);
  const bool there = found != values.end();
  if (match.kind == TextMatch::Kind::present) return there;
  if (match.kind == TextMatch::Kind::absent) return !there;
  if (!there) return false;
  if (match.kind == TextMatch::Kind::prefix) return found->second.rfind(match.value, 0) == 0;
  if (match.kind == TextMatch::Kind::regex) return re2::RE2::FullMatch(found->second, match.value);
  return found->second == match.value;
}

Map parameters(const std::string& query) {
  Map out;
  std::size_t at = 0;
  while (at < query.size()) {
    const auto end = std::min(query.find('&', at), query.size());
    const auto pair = query.substr(at, end - at);
    const auto equals = pair.find('=');
    out.emplace(pair.substr(0, equals), equals == std::string::npos ? "" : pair.substr(equals + 1));
    at = end + 1;
  }
  return out;
}

std::size_t reference(const std::vector<RouteImage>& routes, const std::string& method,
                      const std::string& path, const std::string& query, const Map& fields) {
  const auto values = parameters(query);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const auto& match = routes[i].match;
    bool holds = path_holds(match.path, path) && (match.method.empty() || match.method == method);
    for (const auto& one : match.headers) holds = holds && text_holds(one, fields);
    for (const auto& one : match.query) holds = holds && text_holds(one, values);
    if (holds) return i;
  }
  return routes.size();
}

TEST(RouteProperty, SameAsTryingOneAfterTheOther) {
  const auto seed = from_environment("SLUICE_SEED", std::random_device{}());
  std::printf("SLUICE_SEED=%u\n", seed);
  Dice dice(seed);
  std::size_t by_rule = 0;
  const auto rounds = from_environment("SLUICE_ROUNDS", 300);
  for (unsigned round = 0; round < rounds; ++round) {
    TableImage image;
    auto& routes = image.http_outbounds.emplace_back().routes;
    const auto count = dice.up_to(30);
    for (unsigned i = 0; i < count; ++i) routes.emplace_back().match = dice.match();
    routes.emplace_back();
    const auto regexes = Regexes::of(image);
    ASSERT_TRUE(regexes) << regexes.error();
    const HttpRoutes index(image.http_outbounds[0], *regexes);
    for (int request = 0; request < 100; ++request) {
      const std::string method = dice.of({"GET", "POST", "PUT"});
      const auto path = dice.path();
      const auto query = dice.query();
      Map fields;
      if (dice.one_in(2)) fields["x"] = dice.of({"v1", "v2", ""});
      if (dice.one_in(3)) fields["y"] = dice.of({"v1", "v2", "v12"});
      const auto target = path + (query.empty() ? "" : "?" + query) + (dice.one_in(9) ? "#part" : "");
      const auto wanted = reference(routes, method, path, query, fields);
      ASSERT_EQ(index.position(method, target, Fields(fields)), wanted)
          << method << " " << target << ", round " << round;
      by_rule += wanted + 1 < routes.size() ? 1 : 0;
    }
  }
  // The requests must not all fall through to the last route.
  EXPECT_GT(by_rule, rounds * 20U);
}

}  // namespace
}  // namespace sluice::policy::property
