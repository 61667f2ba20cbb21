// Any bytes through the table's decoder; what decodes must answer and encode to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "policy/table/codec.h"
#include "policy/table/explain.h"
#include "policy/table/table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  using sluice::ClientAddr;
  using sluice::OrigDst;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto table = Table::decode(bytes);
  if (!table) return 0;
  const auto again = encode((*table)->image());
  if (again.size() != size || !std::equal(again.begin(), again.end(), bytes.begin())) std::abort();
  const std::vector<std::string> uris{"spiffe://default/web"};
  const Peer peer{uris, {}, {}};
  for (const auto& workload : (*table)->image().workloads) {
    for (const auto& inbound : workload.inbounds) {
      (void)explain_admit(**table, workload.id, OrigDst(inbound.address), &peer, ClientAddr());
      (void)explain_outbound(**table, workload.id, OrigDst(inbound.address));
    }
  }
  return 0;
}
