// What it costs to find a request's route among many: exact paths, prefixes and expressions mixed, some with
// methods and headers, as a large gateway would have them. The paths asked for go through all of them.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "policy/table/regexes.h"
#include "policy/table/route_index.h"

namespace sluice::policy {
namespace {

class UserFields final : public HeaderFields {
 public:
  std::optional<std::string_view> find(std::string_view name) const override {
    return name == "x-version" ? std::optional<std::string_view>("v2") : std::nullopt;
  }
};

enum class Mix { exact, prefix, mixed, regex };

PathMatch path_of(int number, Mix mix) {
  const auto name = "/service-" + std::to_string(number);
  const int turn = mix == Mix::exact ? 0 : mix == Mix::prefix ? 1 : mix == Mix::regex ? 2 : number % 10;
  if (turn == 0) return {PathMatch::Kind::exact, name + "/api/v1/items"};
  if (turn == 2) return {PathMatch::Kind::regex, name + "/api/v[0-9]+/items"};
  return {PathMatch::Kind::prefix, name + "/api"};
}

struct Made {
  TableImage image;
  std::unique_ptr<Regexes> regexes;
  std::unique_ptr<HttpRoutes> routes;
  std::vector<std::string> targets;
};

Made make(int count, Mix mix) {
  Made out;
  HttpOutboundImage outbound;
  for (int i = 0; i < count; ++i) {
    RouteImage route;
    route.match.path = path_of(i, mix);
    if (mix == Mix::mixed && i % 4 == 3) route.match.method = "GET";
    if (mix == Mix::mixed && i % 8 == 5) route.match.headers = {{TextMatch::Kind::exact, "x-version", "v2"}};
    outbound.routes.push_back(std::move(route));
    out.targets.push_back("/service-" + std::to_string(i) + "/api/v1/items?page=2");
  }
  outbound.routes.emplace_back();
  out.image.http_outbounds.push_back(std::move(outbound));
  auto regexes = Regexes::of(out.image);
  if (!regexes) std::abort();
  out.regexes = std::make_unique<Regexes>(std::move(*regexes));
  out.routes = std::make_unique<HttpRoutes>(out.image.http_outbounds[0], *out.regexes);
  return out;
}

void match(benchmark::State& state, Mix mix) {
  const auto made = make(static_cast<int>(state.range(0)), mix);
  const UserFields fields;
  for (std::size_t i = 0; i < made.targets.size(); ++i)
    if (made.routes->position("GET", made.targets[i], fields) != i) std::abort();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(made.routes->match("GET", made.targets[next], fields));
    next = next + 1 == made.targets.size() ? 0 : next + 1;
  }
}

void route_match_exact(benchmark::State& state) {
  match(state, Mix::exact);
}
BENCHMARK(route_match_exact)->Arg(100)->Arg(4000);
void route_match_prefix(benchmark::State& state) {
  match(state, Mix::prefix);
}
BENCHMARK(route_match_prefix)->Arg(100)->Arg(4000);
// A tenth exact, a tenth expressions, the rest prefixes.
void route_match_mixed(benchmark::State& state) {
  match(state, Mix::mixed);
}
BENCHMARK(route_match_mixed)->Arg(100)->Arg(4000);
void route_match_regex(benchmark::State& state) {
  match(state, Mix::regex);
}
BENCHMARK(route_match_regex)->Arg(100);

}  // namespace
}  // namespace sluice::policy
