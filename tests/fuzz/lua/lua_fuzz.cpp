// Hostile scripts, patterns and bodies: whatever runs, ends in bounded time and memory and touches nothing
// else, and what a script makes of a head is a head. Byte 0 chooses: the rest is a script, a filter's body
// over a prepared message, a filter's body for an answer, or pattern NUL text.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exchange/local_answer.h"
#include "exchange/lua_message.h"
#include "lua/pattern.h"
#include "lua/script.h"
#include "lua/syntax.h"

namespace {

using namespace sluice;
using namespace sluice::lua;
using Length = http::BodyLength;

constexpr ScriptLimits kLimits{.instructions = 20'000, .memory = 512 << 10};
constexpr std::string_view kRequest =
    "POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-A: b\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nContent-Length: "
    "8\r\n\r\n";
constexpr std::string_view kResponse = "HTTP/1.1 200 OK\r\nX-B: c\r\nTransfer-Encoding: chunked\r\n\r\n";

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Script& script, const Message& message, const Verdict& verdict) {
  require(script.memory() <= kLimits.memory);
  require(verdict.kind != Verdict::Kind::respond || (verdict.status >= 200 && verdict.status <= 599));
  require(message.fields.size() <= kFieldsMax);
  for (const auto& field : message.fields) {
    require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
  if (verdict.kind != Verdict::Kind::respond) return;
  const auto fields = exchange::answer_fields(verdict, false);
  if (!fields) return;
  const exchange::LocalAnswer answer(verdict.status, verdict.body, *fields, {});
  require(answer.response().status == verdict.status);
  require(answer.text().size() <= verdict.body.size());
}

// Where a script is judged and where it runs agree: what does not compile runs nowhere.
void judge(const std::string& code) {
  const auto problem = syntax_problem(code);
  require(problem.size() <= 400);
  if (!problem.empty() && problem != "not enough memory") require(!Script::load("fuzz", code, kLimits));
}

void run_request(std::string code) {
  judge(code);
  const auto script = Script::load("fuzz", std::move(code), kLimits);
  if (!script) return;
  http::HeadReader reader(http::HeadReader::Kind::request);
  const http::Request request = **http::read_request(reader, kRequest);
  for (int i = 0; i < 3; ++i) {
    Message message = exchange::message_of(request);
    message.body_unread = i == 0;
    if (i != 0) message.body = "the body";
    const Verdict verdict = (*script)->on_request(message);
    require(i == 0 || verdict.kind != Verdict::Kind::wants_body);
    check(**script, message, verdict);
    if (verdict.kind != Verdict::Kind::go_on || !message.changed) continue;
    exchange::ChangedHeads heads;
    const auto changed = heads.request(message, request);
    if (!changed) continue;
    require(changed->body == request.body && changed->fields->count(http::Known::content_length) == 1);
    require(changed->fields->count(http::Known::transfer_encoding) == 0);
    require(changed->fields->count(http::Known::host) <= 1 && !changed->is_connect());
  }
}

void run_response(std::string code) {
  const auto script = Script::load("fuzz", std::move(code), kLimits);
  if (!script) return;
  http::HeadReader reader(http::HeadReader::Kind::response);
  const http::Response response = **http::read_response(reader, kResponse, {});
  Message message = exchange::message_of(response);
  message.body = "the body";
  const Verdict verdict = (*script)->on_response(message);
  check(**script, message, verdict);
  if (verdict.kind != Verdict::Kind::go_on || !message.changed) return;
  exchange::ChangedHeads heads;
  const auto changed = heads.response(message, response, {});
  if (!changed) return;
  require(changed->body == response.body && changed->fields->count(http::Known::content_length) == 0);
  require(changed->status >= 200 && changed->status != 204 && changed->status != 304);
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
  if (data[0] % 4 == 0) run_request(std::string(rest));
  if (data[0] % 4 == 1) run_request("function envoy_on_request(h) " + std::string(rest) + "\nend");
  if (data[0] % 4 == 2) run_pattern(rest);
  if (data[0] % 4 == 3) run_response("function envoy_on_response(h) " + std::string(rest) + "\nend");
  return 0;
}
