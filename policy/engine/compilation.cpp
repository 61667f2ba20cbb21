#include "policy/engine/compilation.h"

#include <span>
#include <utility>

#include "policy/table/renumber.h"

namespace sluice::policy {
namespace {

// The pool's numbers of a part's own list.
template <typename T>
std::vector<std::uint32_t> add_all(const std::vector<T>& own, std::span<const RuleIndex> rules,
                                   Pool<T>& pool) {
  std::vector<std::uint32_t> out;
  for (auto part : own) {
    renumber_rules(part, rules);
    out.push_back(pool.add(std::move(part)));
  }
  return out;
}

void renumber(std::uint32_t& index, const std::vector<std::uint32_t>& new_indexes) {
  if (index != kNone) index = new_indexes[index];
}

}  // namespace

std::vector<RuleIndex> Compilation::add_rules(const std::vector<RuleRef>& own) {
  std::vector<RuleIndex> numbered;
  numbered.reserve(own.size());
  for (const auto& rule : own) numbered.push_back(rules_.add(rule));
  return numbered;
}

void Compilation::add(const InboundPart& part, WorkloadId id) {
  const auto rules = add_rules(part.rules);
  std::vector<std::uint32_t> sets;
  for (auto set : part.permissions) {
    renumber_rules(set, rules);
    sets.push_back(permissions_.add(std::move(set)));
  }
  const auto http = add_all(part.http, rules, http_.inbounds);
  const auto clusters = add_all(part.clusters, rules, http_.clusters);
  auto workload = part.workload;
  workload.id = id;
  renumber_rules(workload, rules);
  for (auto& inbound : workload.inbounds) {
    inbound.permissions = sets[inbound.permissions];
    renumber(inbound.http, http);
    renumber(inbound.cluster, clusters);
  }
  out.table.workloads.push_back(std::move(workload));
}

void Compilation::add(const OutboundPart& part) {
  const auto rules = add_rules(part.rules);
  const auto http = add_all(part.http, rules, http_.outbounds);
  const auto clusters = add_all(part.clusters, rules, http_.clusters);
  auto& table = out.table;
  for (auto outbound : part.outbounds) {
    renumber_rules(outbound, rules);
    renumber(outbound.http, http);
    renumber(outbound.cluster, clusters);
    table.outbounds.push_back(std::move(outbound));
  }
  out.diagnostics.append(part.diagnostics);
}

void Compilation::finish() {
  auto& table = out.table;
  table.rules = rules_.take();
  table.permissions = permissions_.take();
  table.http_outbounds = http_.outbounds.take();
  table.clusters = http_.clusters.take();
  table.http_inbounds = http_.inbounds.take();
  out.kernel.workloads = workload_intents(table, out.kernel.meshes);
}

}  // namespace sluice::policy
