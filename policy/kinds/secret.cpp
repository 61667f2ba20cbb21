// Secret and GlobalSecret: `data` in base64. Kubernetes keeps the value below data.value; the envelope brings
// it to the Universal form.
#include <string_view>

#include "policy/kinds/registry.h"

namespace sluice::policy {

using namespace schema;

Schema secret_schema(Dialect /*dialect*/) {
  return object({{"data", text()}});
}

namespace {

// Line breaks are allowed, and padding may be left out, in which case one letter alone cannot end the text.
bool is_base64(std::string_view text) {
  std::size_t letters = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '+' || c == '/' || c == '-' || c == '_';
    if (c == '\n' || c == '\r') continue;
    if (c == '=') ++padding;
    if (letter) ++letters;
    if ((!letter && c != '=') || (letter && padding > 0)) return false;
  }
  if (padding == 0) return letters % 4 != 1;
  return padding <= 2 && (letters + padding) % 4 == 0;
}

}  // namespace

void validate_secret(Validator& validator) {
  const auto& body = validator.resource().body;
  const auto* data = body.find("data");
  if (data != nullptr && !is_base64(data->scalar)) {
    validator.error(*data, "data", "must be base64", "encode the value, for example with `base64 -w0`");
  }
}

}  // namespace sluice::policy
