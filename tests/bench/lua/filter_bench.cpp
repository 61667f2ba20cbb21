// What a Lua filter costs a request: the head copied for the script, the look-up of the script, the call. The
// script is empty, or the recipe of docs/log4shell.md on requests without and with bodies.
#include <benchmark/benchmark.h>

#include <fstream>
#include <sstream>
#include <string>

#include "exchange/lua_message.h"
#include "exchange/lua_scripts.h"
#include "policy/kinds/check.h"
#include "policy/kinds/lua_patch.h"

namespace sluice::exchange {
namespace {

constexpr const char* kHead =
    "POST /shop/cart/items?product=4711&count=2 HTTP/1.1\r\nHost: shop.example:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
    "Cookie: session=8c1d2b7e9f4a5c60; theme=dark; consent=1\r\nReferer: https://shop.example/cart\r\n"
    "X-Request-Id: 7d0b9a5c-0c1f-4b7e-9d7e-2f6f1c2b3a4d\r\nContent-Type: application/json\r\n\r\n";

std::string recipe() {
  std::ifstream file(SLUICE_LOG4SHELL);
  std::stringstream text;
  text << file.rdbuf();
  const auto checked = policy::check_text(text.str(), "log4shell.yaml");
  const auto* list = checked.resources.at(0).spec().find_path({"default", "appendModifications"});
  return policy::lua_patch(list->items.at(0))->code;
}

std::string json(std::size_t size) {
  std::string out = "[";
  while (out.size() + 48 < size) out += R"({"id": 4711, "name": "a cup", "price": 9.5}, )";
  return out;
}

class Filter {
 public:
  explicit Filter(std::string code) {
    policy::TableImage image;
    image.meshes = {"default"};
    table_ = *policy::Table::build(std::move(image));
    filter_.name = "bench";
    filter_.code = std::move(code);
  }
  void run(benchmark::State& state, std::string_view body) {
    const std::string head = kHead;
    http::HeadReader reader(http::HeadReader::Kind::request);
    const http::Request request = **http::read_request(reader, head);
    for (auto _ : state) {
      lua::Message message = message_of(request);
      if (!body.empty()) message.body = body;
      const auto verdict = scripts_.run({table_, WorkloadId(1), filter_}, LuaScripts::Side::request, message);
      if (verdict.kind != lua::Verdict::Kind::go_on) state.SkipWithError(verdict.problem.c_str());
    }
  }

 private:
  SystemClock clock_;
  LuaScripts scripts_{clock_, {.log = [](LogLevel, std::string_view) {}, .count = [](Reason) {}}};
  std::shared_ptr<const policy::Table> table_;
  policy::LuaFilter filter_;
};

void empty_script(benchmark::State& state) {
  Filter("function envoy_on_request(handle) end").run(state, {});
}
void recipe_without_body(benchmark::State& state) {
  Filter(recipe()).run(state, {});
}
void recipe_with_body(benchmark::State& state) {
  Filter(recipe()).run(state, json(static_cast<std::size_t>(state.range(0))));
}
void head_alone(benchmark::State& state) {
  const std::string head = kHead;
  http::HeadReader reader(http::HeadReader::Kind::request);
  const http::Request request = **http::read_request(reader, head);
  for (auto _ : state) benchmark::DoNotOptimize(message_of(request));
}

BENCHMARK(head_alone);
BENCHMARK(empty_script);
BENCHMARK(recipe_without_body);
BENCHMARK(recipe_with_body)->Arg(1024)->Arg(64 * 1024);

}  // namespace
}  // namespace sluice::exchange

BENCHMARK_MAIN();
