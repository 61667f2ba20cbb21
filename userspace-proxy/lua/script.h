// A Lua filter as one worker runs it (MeshProxyPatch's pattern: envoy_on_request and envoy_on_response with a
// handle). A script keeps its globals from one request to the next, as in Envoy; one that broke a bound
// starts anew. Not thread-safe: each worker has its own.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "lua/message.h"

namespace sluice::lua {

struct ScriptLimits {
  std::uint64_t instructions = 1'000'000;  // of one call; patterns and copies pay from it too
  std::size_t memory = std::size_t{2} << 20;
  Nanos time = Millis(50);       // of one call: the second line of defence
  const Clock* clock = nullptr;  // null: no deadline
};

class Sandbox;

class Script {
 public:
  // The error is the script's, with its line.
  static std::expected<std::unique_ptr<Script>, std::string> load(std::string name, std::string code,
                                                                  const ScriptLimits& limits);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  bool sees_requests() const { return sees_requests_; }
  bool sees_responses() const { return sees_responses_; }
  // It has asked for a body before: collect the next one, up to the filter's bound, before the call. The
  // first time ends in wants_body and the script starts anew.
  bool wants_request_body() const { return wants_request_body_; }
  bool wants_response_body() const { return wants_response_body_; }

  Verdict on_request(Message& message) { return call("envoy_on_request", message, wants_request_body_); }
  Verdict on_response(Message& message) { return call("envoy_on_response", message, wants_response_body_); }
  std::string_view code() const { return code_; }
  // Times that it had to start anew.
  std::uint64_t restarts() const { return restarts_; }
  std::size_t memory() const;

 private:
  Script(std::string name, std::string code, const ScriptLimits& limits);
  Verdict call(const char* function, Message& message, bool& wants_body);

  const std::string name_;
  const std::string code_;
  const ScriptLimits limits_;
  std::unique_ptr<Sandbox> sandbox_;
  bool sees_requests_ = false;
  bool sees_responses_ = false;
  bool wants_request_body_ = false;
  bool wants_response_body_ = false;
  std::uint64_t restarts_ = 0;
};

}  // namespace sluice::lua
