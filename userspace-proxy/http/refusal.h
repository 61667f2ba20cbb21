// Why a message was refused. A refused message leaves its connection without a known boundary: whoever reads
// it answers (a request) or gives up (a response), and closes.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace sluice::http {

enum class Refusal : std::uint8_t {
#define SLUICE_HTTP_REFUSAL(id, status, meaning) id,
#include "http/refusal.def"
#undef SLUICE_HTTP_REFUSAL
};

struct RefusalInfo {
  std::string_view word;  // as in logs
  std::uint16_t status;   // what a client whose request was refused is told
  std::string_view meaning;
};

const RefusalInfo& refusal_info(Refusal refusal);
std::size_t refusal_count();

template <typename T>
using Parsed = std::expected<T, Refusal>;

}  // namespace sluice::http
