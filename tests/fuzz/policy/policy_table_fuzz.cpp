// Any bytes through the table's decoder; what decodes must answer and encode to the same bytes. Beside a
// table in force the next one is taken or refused as it would be alone.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "policy/table/codec.h"
#include "policy/table/explain.h"
#include "policy/table/route_index.h"
#include "policy/table/table.h"

namespace {

class NoFields final : public sluice::policy::HeaderFields {
 public:
  std::optional<std::string_view> find(std::string_view) const override { return std::nullopt; }
};

// The same bytes with one of them changed, as the next generation.
void try_successor(std::span<const std::byte> bytes, const sluice::policy::Table& before) {
  std::vector<std::byte> next(bytes.begin(), bytes.end());
  const auto seed = before.content_hash();
  next[seed % next.size()] ^= std::byte{1} << (seed >> 32) % 8;
  const auto alone = sluice::policy::Table::decode(next);
  const auto after = sluice::policy::Table::decode(next, &before);
  if (alone.has_value() != after.has_value()) std::abort();
  if (alone && (*alone)->content_hash() != (*after)->content_hash()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  using sluice::ClientAddr;
  using sluice::OrigDst;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto table = Table::decode(bytes);
  if (!table) return 0;
  const auto again = encode((*table)->image());
  if (again.size() != size || !std::equal(again.begin(), again.end(), bytes.begin())) std::abort();
  try_successor(bytes, **table);
  const std::vector<std::string> uris{"spiffe://default/web"};
  const Peer peer{uris, {}, {}};
  for (const auto& workload : (*table)->image().workloads) {
    for (const auto& inbound : workload.inbounds) {
      (void)explain_admit(**table, workload.id, OrigDst(inbound.address), &peer, ClientAddr());
      (void)explain_outbound(**table, workload.id, OrigDst(inbound.address));
    }
  }
  for (const auto& outbound : (*table)->image().outbounds) {
    const auto decision =
        (*table)->route_backend((*table)->image().workloads[outbound.workload].id, outbound.service);
    const auto* route = std::get_if<OutboundRoute>(&decision);
    if (route == nullptr || route->http() == nullptr) continue;
    for (const auto& one : route->http()->all()) {
      const auto& chosen = route->http()->match(one.match.method, one.match.path.value, NoFields());
      if (&chosen > &one && one.match.headers.empty() && one.match.query.empty() &&
          one.match.path.kind == PathMatch::Kind::exact &&
          one.match.path.value.find_first_of("?#") == std::string::npos)
        std::abort();
    }
  }
  return 0;
}
