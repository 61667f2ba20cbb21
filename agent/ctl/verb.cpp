#include "ctl/verb.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "ctl/table.h"
#include "ctl/yaml.h"

namespace sluice::ctl {

void Session::show(const Json& json, const std::function<std::string()>& render) const {
  if (options_.format == "json")
    terminal_.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  else if (options_.format == "yaml")
    terminal_.out << to_yaml(json);
  else
    terminal_.out << render();
}

int Session::fail(const Fault& fault) const {
  if (!table()) {
    const Json json = {{"error", fault.message}, {"next_step", fault.next_step}};
    terminal_.err << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return kExitFailed;
  }
  terminal_.err << "sluice: " << printable(fault.message) << "\n";
  if (!fault.next_step.empty()) terminal_.err << "  next: " << printable(fault.next_step) << "\n";
  return kExitFailed;
}

int Session::misused(const Fault& fault) const {
  fail(fault);
  return kExitUsage;
}

Verbs::Verbs(CLI::App& app, std::string socket) : app_(app) {
  options_->socket = std::move(socket);
  add_common(app_);
}

// Before the verb and after it, into the same place.
void Verbs::add_common(CLI::App& target) {
  target.add_option("-o,--output", options_->format, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->type_name("FORMAT");
  target
      .add_option(
          "--socket", options_->socket,
          "control socket of the daemon (default: $SLUICE_SOCKET, else " + std::string(kDefaultSocket) + ")")
      ->type_name("PATH");
}

CLI::App& Verbs::add(const std::string& name, const std::string& purpose, const std::string& example,
                     Run run) {
  CLI::App* verb = app_.add_subcommand(name, purpose);
  verb->footer("Example:\n  " + example);
  add_common(*verb);
  verb->callback([chosen = chosen_, run = std::move(run)] { *chosen = run; });
  return *verb;
}

Verbs Verbs::group(const std::string& name, const std::string& purpose) {
  CLI::App* parent = app_.add_subcommand(name, purpose);
  parent->require_subcommand(1);
  return Verbs(*parent, *this);
}

int Verbs::run(Terminal& terminal) const {
  return (*chosen_)(Session(*options_, terminal));
}

void add_all(Verbs& verbs) {
  add_status(verbs);
  add_check(verbs);
  add_workloads(verbs);
  add_enroll(verbs);
  add_unenroll(verbs);
  add_apply(verbs);
  add_get(verbs);
  add_delete(verbs);
  add_diff(verbs);
  add_connections(verbs);
  add_explain(verbs);
  add_policy(verbs);
  add_certs(verbs);
  add_metrics(verbs);
  add_log(verbs);
  add_version(verbs);
  add_upgrade(verbs);
  add_uninstall(verbs);
  add_completion(verbs);
}

}  // namespace sluice::ctl
