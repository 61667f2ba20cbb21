// What the agent does with the names of MeshExternalServices, and what it tells of them.
#include <fmt/format.h>

#include "app/agent.h"
#include "names/name_file.h"

namespace sluice::agent {
namespace {

using State = NameBook::State;

std::string text_of(const State& state) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(state.since).count();
  switch (state.kind) {
    case State::Kind::fresh:
      return fmt::format("{} addresses", state.addresses);
    case State::Kind::kept:
      return fmt::format("no answer for {} s ({}); its last {} addresses are used", seconds, state.why,
                         state.addresses);
    case State::Kind::unknown:
      return fmt::format("no answer for {} s ({}), so it has no address", seconds, state.why);
  }
  return {};
}

}  // namespace

std::string Agent::names_file() const {
  return parts_.config.paths_state_dir + "/names";
}

void Agent::want_names(const policy::Compiled& compiled) {
  policy::HostNames all;
  for (const auto& [service, names] : compiled.names) all.insert(names.begin(), names.end());
  names_.want(all);
}

void Agent::on_names() {
  if (uninstalled_) return;
  if (const auto written = write_names(names_file(), names_.known()); !written)
    log_.warn("addresses of names are not kept for the next start: {}", written.error().message);
  recompile();
}

// One line when a name's state becomes another one.
void Agent::tell_names() {
  const auto states = names_.states();
  std::erase_if(names_told_, [&](const auto& told) { return !states.contains(told.first); });
  for (const auto& [name, state] : states) {
    auto& told = names_told_[name];
    if (told == state.kind) continue;
    told = state.kind;
    if (state.kind == State::Kind::fresh)
      log_.info("name {}: {}", name, text_of(state));
    else
      log_.warn("name {}: {}", name, text_of(state));
  }
}

void Agent::explain_names(std::string_view service, Explanation& out) const {
  const auto wanted = compiled_.names.find(std::string(service));
  if (wanted == compiled_.names.end()) return;
  const auto states = names_.states();
  for (const auto& name : wanted->second) {
    const auto found = states.find(name);
    out.steps.push_back(
        {"name", name,
         found == states.end() ? "not looked up: there are too many names" : text_of(found->second), ""});
  }
}

}  // namespace sluice::agent
