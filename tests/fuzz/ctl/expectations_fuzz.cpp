// Expectations of `sluice policy test`: whatever the text is, it is read or told to be wrong; what was read
// is held against an answer.
#include <cstdint>
#include <string>

#include "ctl/policy/expectations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  policy::Diagnostics diagnostics;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto read = ctl::read_expectations(text, "fuzz.yaml", diagnostics);
  if (diagnostics.has_errors()) return 0;
  ctl::FlowAnswer answer;
  answer.client = "web-1";
  answer.service = "backend";
  answer.settings.push_back({"MeshTimeout", false, policy::Node::empty_mapping(), {}});
  answer.request.emplace();
  answer.backends = {"backend"};
  for (const auto& one : read.tests) (void)ctl::failures_of(one, answer);
  return 0;
}
