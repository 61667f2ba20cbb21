// Any text as the SPIFFE ID of a policy: what is accepted has the parts of the specification (SPIFFE-ID 2),
// found here a second time in the simplest way.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/kinds/spiffe_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!sluice::policy::spiffe_id_problem(text).empty()) return 0;
  if (text.size() > 2048 || !text.starts_with("spiffe://") || text.back() == '/') std::abort();
  const auto rest = text.substr(9);
  if (rest.empty() || rest.find("//") != std::string::npos || rest.front() == '/') std::abort();
  for (const char c : rest) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '-' && c != '.' && c != '_' && c != '/') std::abort();
  }
  for (const char* bad : {"/./", "/../"})
    if ((rest + "/").find(bad) != std::string::npos) std::abort();
  return 0;
}
