#include "lua/script.h"

#include <utility>

#include "lua/sandbox.h"

namespace sluice::lua {

Script::Script(std::string name, std::string code, const ScriptLimits& limits)
    : name_(std::move(name)), code_(std::move(code)), limits_(limits) {}
Script::~Script() = default;

std::expected<std::unique_ptr<Script>, std::string> Script::load(std::string name, std::string code,
                                                                 const ScriptLimits& limits) {
  std::unique_ptr<Script> script(new Script(std::move(name), std::move(code), limits));
  script->sandbox_ = std::make_unique<Sandbox>(limits);
  const Verdict verdict = script->sandbox_->start(script->name_, script->code_);
  if (verdict.kind != Verdict::Kind::go_on) return std::unexpected(verdict.problem);
  script->sees_requests_ = script->sandbox_->has("envoy_on_request");
  script->sees_responses_ = script->sandbox_->has("envoy_on_response");
  return script;
}

Verdict Script::call(const char* function, Message& message, bool& wants_body) {
  if (sandbox_ == nullptr) {
    ++restarts_;
    sandbox_ = std::make_unique<Sandbox>(limits_);
    Verdict verdict = sandbox_->start(name_, code_);
    if (verdict.kind != Verdict::Kind::go_on) {
      sandbox_.reset();
      return verdict;
    }
  }
  Verdict verdict = sandbox_->call(function, message);
  if (verdict.kind == Verdict::Kind::wants_body) wants_body = true;
  // What an interrupted script left behind is not to be trusted.
  const bool interrupted = verdict.kind == Verdict::Kind::overrun || verdict.kind == Verdict::Kind::memory ||
                           verdict.kind == Verdict::Kind::wants_body;
  if (interrupted) sandbox_.reset();
  return verdict;
}

std::size_t Script::memory() const {
  return sandbox_ == nullptr ? 0 : sandbox_->memory();
}

}  // namespace sluice::lua
