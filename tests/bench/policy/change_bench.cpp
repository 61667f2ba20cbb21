// What one change costs on the way that it takes in the agent: the text of an apply is judged, the store
// takes it (durably: its directory should be memory, or the wall clock shows the disk), the compiler follows,
// the table is checked, indexed, named and encoded for the proxy, and the kernel's maps are planned. Then the
// proxy's part: the table that it is handed is decoded and indexed beside the one in force.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "bench_mesh.h"
#include "enrol/kernel_plan.h"
#include "policy/engine/compile.h"
#include "policy/kinds/default_policies.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "resources/store.h"

namespace sluice::policy::bench {
namespace {

constexpr int kPolicies = 10'000;
constexpr int kEndpoints = 10'000;
constexpr int kServiceCount = kEndpoints / kEndpointsPerService;
const std::string kTcp;
const std::string kHttp = "http";
const std::string kServices = "http2";

std::string directory() {
  const bool memory = std::filesystem::is_directory("/dev/shm");
  std::string pattern = std::string(memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) +
                        "/sluice_change_bench_XXXXXX";
  return ::mkdtemp(pattern.data()) == nullptr ? std::string() : pattern;
}

// The agent as far as a change of its resources goes, without a kernel.
class Node {
 public:
  // `protocol`: of all services. Under HTTP the mesh has the policies that Kuma gives a new one, and for
  // kServices its services are MeshServices, too.
  explicit Node(const std::string& protocol) : log_("bench", LogLevel::error), root_(directory()) {
    std::filesystem::create_directory(root_ + "/resources");
    std::ofstream endpoints(root_ + "/resources/endpoints.yaml");
    endpoints << mesh();
    for (int i = 0; i < kEndpoints; ++i) endpoints << dataplane(i, protocol);
    for (int i = 0; protocol == kServices && i < kServiceCount; ++i) endpoints << mesh_service(i);
    endpoints.close();
    std::ofstream policies(root_ + "/resources/policies.yaml");
    for (int i = 1; i < kPolicies; ++i) policies << permission(i, kServiceCount);
    if (!protocol.empty()) policies << defaults();
    policies.close();
    agent::StoreOptions options{root_ + "/resources", root_ + "/state", std::size_t{64} << 20, 30'000};
    store_ = std::make_unique<agent::Store>(options, log_);
    if (!store_->open()) std::abort();
    apply(permission(0, kServiceCount));
  }
  ~Node() { std::filesystem::remove_all(root_); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void apply(const std::string& text) {
    const auto documents = agent::judge_documents(text, "apply", Dialect::kuma_2, false);
    if (!store_->admit(documents) || !store_->put(documents)) std::abort();
    recompile();
  }
  void remove(const std::string& key) {
    if (!store_->remove(key)) std::abort();
    recompile();
  }
  // What the proxy does with the newest table.
  void take_table() {
    auto taken = Table::decode(bytes_, in_force_.get());
    if (!taken) std::abort();
    in_force_ = *taken;
  }
  std::size_t bytes() const { return bytes_.size(); }
  const std::vector<std::byte>& table_bytes() const { return bytes_; }
  const std::vector<ResourcePtr>& resources() const { return store_->in_force(); }

 private:
  static std::string defaults() {
    std::string out;
    const auto checked = check_text(mesh(), "mesh.yaml");
    for (const auto& one : default_policies(checked.resources.front(), Dialect::kuma_2))
      out += "---\n" + document_of(one);
    return out;
  }
  static std::string document_of(const Resource& resource) {
    auto body = resource.body;
    body.set("type", policy::Node::of_text(resource.kind));
    body.set("mesh", policy::Node::of_text("default"));
    body.set("name", policy::Node::of_text(resource.name));
    return body.to_json() + "\n";
  }
  void recompile() {
    auto compiled = compiler_.compile(store_->in_force(), "n", {}, numbers_);
    auto table = Table::build(std::move(compiled.table), table_.get());
    if (!table) std::abort();
    table_ = *table;
    bytes_ = encode(table_->image());
    std::map<WorkloadId, agent::WorkloadPlace> places;
    for (const auto& workload : compiled.workloads)
      places[workload.id] = {true, number(workload.id), workload.addresses, true};
    auto plan = agent::plan_kernel(compiled, places, {{}, {}, "auto", {}}, plan_.destinations);
    if (!plan) std::abort();
    plan_ = std::move(*plan);
  }

  Log log_;
  std::string root_;
  std::unique_ptr<agent::Store> store_;
  Compiler compiler_;
  Numbers numbers_;
  std::shared_ptr<const Table> table_;
  std::vector<std::byte> bytes_;
  agent::KernelPlan plan_;
  std::shared_ptr<const Table> in_force_;
};

Node& node(const std::string& protocol) {
  static std::map<std::string, std::unique_ptr<Node>> nodes;
  auto& slot = nodes[protocol];
  if (!slot) slot = std::make_unique<Node>(protocol);
  return *slot;
}

using Change = std::function<std::string(bool odd)>;

void change(benchmark::State& state, const std::string& protocol, const Change& text) {
  auto& own = node(protocol);
  own.apply(text(true));
  bool odd = false;
  for (auto _ : state) {
    own.apply(text(odd));
    odd = !odd;
  }
  state.counters["table bytes"] = static_cast<double>(own.bytes());
}

std::string retries(bool odd, const std::string& top) {
  return "type: MeshRetry\nmesh: default\nname: changing\nspec:\n  targetRef: " + top +
         "\n  to: [{targetRef: {kind: Mesh}, default: {http: {numRetries: " + (odd ? "3" : "4") + "}}}]\n";
}

std::string route(bool odd) {
  return "type: MeshHTTPRoute\nmesh: default\nname: changing\nspec:\n  targetRef: {kind: MeshService, name: "
         "service-0}\n  to:\n    - targetRef: {kind: MeshService, name: service-5}\n      rules:\n        - "
         "matches: [{path: {type: PathPrefix, value: /a}}]\n          default: {backendRefs: [{kind: "
         "MeshService, name: service-" +
         std::string(odd ? "6" : "7") + "}]}\n";
}

// One of the 1,000 permissions of a server on this node.
void change_own(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [](bool odd) { return permission(0, kServiceCount, odd ? "Allow" : "Deny"); });
}
// A permission of a service that is elsewhere.
void change_other(benchmark::State& state, const std::string& protocol) {
  change(state, protocol,
         [](bool odd) { return permission(kPolicies + 5, kServiceCount, odd ? "Allow" : "Deny"); });
}
void change_endpoint(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [&](bool odd) {
    auto text = dataplane(kEndpoints + 5, protocol);
    return odd ? text : text + "labels: {app: other}\n";
  });
}
// The address of an endpoint, as when it starts again elsewhere.
void move_endpoint(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [&](bool odd) {
    auto text = dataplane(kEndpoints + 6, protocol);
    if (odd) text.replace(text.find("address: 10."), 12, "address: 11.");
    return text;
  });
}
// An endpoint comes and goes: two changes, and everybody behind it by name stands elsewhere in the table.
void come_and_go(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  const auto text = dataplane(kEndpoints + 7, protocol);
  const auto name = service((kEndpoints + 7) / kEndpointsPerService) + "-" + std::to_string(kEndpoints + 7);
  own.apply(dataplane(kEndpoints + 5, protocol));
  for (auto _ : state) {
    own.apply(text);
    own.remove("Dataplane/default/" + name);
  }
}
void change_retries_of_one(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [](bool odd) { return retries(odd, "{kind: MeshService, name: service-0}"); });
}
void change_retries_of_all(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [](bool odd) { return retries(odd, "{kind: Mesh}"); });
}
void change_route(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, route);
}
// A port of a MeshService gets another name.
void change_service(benchmark::State& state, const std::string& protocol) {
  change(state, protocol, [](bool odd) { return mesh_service(kServiceCount + 1, odd ? "main" : "other"); });
}
// A MeshService comes and goes: two changes.
void add_and_remove_service(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  own.apply(dataplane(kEndpoints + 5, protocol));
  for (auto _ : state) {
    own.apply(mesh_service(kServiceCount));
    own.remove("MeshService/default/" + service(kServiceCount));
  }
}
// A new policy, and away with it again: half of the time is one of the two.
void add_and_remove(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  for (auto _ : state) {
    own.apply(permission(kPolicies + 2, kServiceCount));
    own.remove("MeshTrafficPermission/default/p" + std::to_string(kPolicies + 2));
  }
}

void everything_again(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  for (auto _ : state) {
    Numbers numbers;
    auto compiled = Compiler().compile(own.resources(), "n", {}, numbers);
    const auto table = Table::build(std::move(compiled.table));
    benchmark::DoNotOptimize(encode((*table)->image()));
  }
}

void proxy_takes_change(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  own.take_table();
  bool odd = false;
  for (auto _ : state) {
    state.PauseTiming();
    own.apply(permission(0, kServiceCount, odd ? "Allow" : "Deny"));
    odd = !odd;
    state.ResumeTiming();
    own.take_table();
  }
}

// A table in which an endpoint has come or gone.
void proxy_takes_endpoint(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  const auto name = service((kEndpoints + 7) / kEndpointsPerService) + "-" + std::to_string(kEndpoints + 7);
  own.take_table();
  bool there = false;
  for (auto _ : state) {
    state.PauseTiming();
    if (there)
      own.remove("Dataplane/default/" + name);
    else
      own.apply(dataplane(kEndpoints + 7, protocol));
    there = !there;
    state.ResumeTiming();
    own.take_table();
  }
  if (there) own.remove("Dataplane/default/" + name);
}

void proxy_takes_first(benchmark::State& state, const std::string& protocol) {
  auto& own = node(protocol);
  for (auto _ : state) benchmark::DoNotOptimize(Table::decode(own.table_bytes()));
}

#define SLUICE_CHANGE_BENCH(name, protocol) \
  BENCHMARK_CAPTURE(name, protocol, k##protocol)->Unit(benchmark::kMillisecond)
SLUICE_CHANGE_BENCH(change_own, Tcp);
SLUICE_CHANGE_BENCH(change_other, Tcp);
SLUICE_CHANGE_BENCH(add_and_remove, Tcp);
SLUICE_CHANGE_BENCH(change_endpoint, Tcp);
SLUICE_CHANGE_BENCH(move_endpoint, Tcp);
SLUICE_CHANGE_BENCH(come_and_go, Tcp);
SLUICE_CHANGE_BENCH(everything_again, Tcp);
SLUICE_CHANGE_BENCH(proxy_takes_change, Tcp);
SLUICE_CHANGE_BENCH(proxy_takes_endpoint, Tcp);
SLUICE_CHANGE_BENCH(proxy_takes_first, Tcp);
SLUICE_CHANGE_BENCH(change_own, Http);
SLUICE_CHANGE_BENCH(change_other, Http);
SLUICE_CHANGE_BENCH(change_retries_of_one, Http);
SLUICE_CHANGE_BENCH(change_retries_of_all, Http);
SLUICE_CHANGE_BENCH(change_route, Http);
SLUICE_CHANGE_BENCH(change_endpoint, Http);
SLUICE_CHANGE_BENCH(move_endpoint, Http);
SLUICE_CHANGE_BENCH(come_and_go, Http);
SLUICE_CHANGE_BENCH(everything_again, Http);
SLUICE_CHANGE_BENCH(change_own, Services);
SLUICE_CHANGE_BENCH(change_retries_of_all, Services);
SLUICE_CHANGE_BENCH(change_route, Services);
SLUICE_CHANGE_BENCH(change_service, Services);
SLUICE_CHANGE_BENCH(add_and_remove_service, Services);
SLUICE_CHANGE_BENCH(move_endpoint, Services);
SLUICE_CHANGE_BENCH(come_and_go, Services);
SLUICE_CHANGE_BENCH(everything_again, Services);
#undef SLUICE_CHANGE_BENCH

}  // namespace
}  // namespace sluice::policy::bench
