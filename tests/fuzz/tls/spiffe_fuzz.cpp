// A SPIFFE ID that parses is put together again to the same text, and every list of names that is an identity
// has one trust domain.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/spiffe.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto id = parse_spiffe_id(text)) {
    if ("spiffe://" + std::string(id->trust_domain) + std::string(id->path) != text) std::abort();
    if (!is_trust_domain(id->trust_domain) || text.size() > kSpiffeIdMax || text.back() == '/') std::abort();
  }
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  const auto domain = common_trust_domain(names);
  for (const auto form : {IdentityForm::single, IdentityForm::kuma})
    if (is_identity(names, "default", form) && domain != "default") std::abort();
  return 0;
}
