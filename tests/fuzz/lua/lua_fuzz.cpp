// Hostile scripts, patterns and bodies: whatever runs, ends in bounded time and memory and touches nothing
// else. Byte 0 chooses: the rest is a script, a filter's body over a prepared message, or pattern NUL text.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lua/pattern.h"
#include "lua/script.h"

namespace {

using namespace sluice::lua;

void require(bool holds) {
  if (!holds) std::abort();
}

void run_script(std::string code) {
  const ScriptLimits limits{.instructions = 20'000, .memory = 512 << 10};
  auto script = Script::load("fuzz", std::move(code), limits);
  if (!script) return;
  for (int i = 0; i < 2; ++i) {
    Message message;
    message.fields = {{":method", "GET"}, {":path", "/a?b=c"}, {":authority", "x"}, {"x-a", "b"}};
    message.body = "the body";
    const Verdict verdict = (*script)->on_request(message);
    require((*script)->memory() <= limits.memory);
    require(verdict.kind != Verdict::Kind::respond || (verdict.status >= 200 && verdict.status <= 599));
    require(message.fields.size() <= kFieldsMax);
    for (const auto& field : message.fields) {
      require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
  }
}

void run_pattern(std::string_view input) {
  const auto split = input.find('\0');
  if (split == std::string_view::npos) return;
  const auto text = input.substr(split + 1);
  std::uint64_t steps = 50'000;
  const Match match = find_pattern(text, input.substr(0, split), 0, steps);
  if (match.kind != Match::Kind::found) return;
  require(match.begin <= match.end && match.end <= text.size());
  for (std::size_t i = 0; i < match.captures; ++i) {
    require(match.capture[i].at <= text.size() && match.capture[i].size <= text.size() - match.capture[i].at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) run_script(std::string(rest));
  if (data[0] % 3 == 1) run_script("function envoy_on_request(h) " + std::string(rest) + "\nend");
  if (data[0] % 3 == 2) run_pattern(rest);
  return 0;
}
