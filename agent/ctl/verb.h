// What every verb of `sluice` shares: options, output formats, exit codes, errors with their next step.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/client.h"
#include "ctl/json_view.h"

namespace CLI {
class App;
}

namespace sluice::ctl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

inline constexpr const char* kDefaultSocket = "/run/sluice/control.sock";

struct Options {
  std::string socket = kDefaultSocket;
  std::string format = "table";  // table, json or yaml
};

// Where a verb writes. `colour` and `ask` only when a person sits there.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool colour = false;       // standard output is a terminal and NO_COLOR is not set
  bool interactive = false;  // standard input is a terminal too
};

// One run of one verb.
class Session {
 public:
  Session(Options options, Terminal& terminal) : options_(std::move(options)), terminal_(terminal) {}

  Client client() const { return Client(options_.socket); }
  Terminal& terminal() const { return terminal_; }
  bool colour() const { return terminal_.colour; }
  bool table() const { return options_.format == "table"; }
  bool yaml() const { return options_.format == "yaml"; }

  // Writes `json` in the chosen format; `render` makes the table.
  void show(const Json& json, const std::function<std::string()>& render) const;
  // Tells the error and its next step on standard error; returns kExitFailed.
  int fail(const Fault& fault) const;
  // The same for what the user typed wrongly; returns kExitUsage.
  int misused(const Fault& fault) const;

 private:
  Options options_;
  Terminal& terminal_;
};

using Run = std::function<int(const Session&)>;

// Collects the verbs; each add_* registers one with its options and what it runs.
class Verbs {
 public:
  // `socket`: the control socket when the user names none.
  Verbs(CLI::App& app, std::string socket);

  // `example` stands under --help. The verb's own options are added to what is returned.
  CLI::App& add(const std::string& name, const std::string& purpose, const std::string& example, Run run);
  // A verb with verbs of its own, such as `sluice policy check`; they share the options of all verbs.
  Verbs group(const std::string& name, const std::string& purpose);
  int run(Terminal& terminal) const;
  CLI::App& app() const { return app_; }

 private:
  Verbs(CLI::App& app, const Verbs& parent) : app_(app), options_(parent.options_), chosen_(parent.chosen_) {}
  void add_common(CLI::App& target);

  CLI::App& app_;
  std::shared_ptr<Options> options_ = std::make_shared<Options>();
  std::shared_ptr<Run> chosen_ = std::make_shared<Run>();
};

void add_status(Verbs& verbs);
void add_check(Verbs& verbs);
void add_workloads(Verbs& verbs);
void add_enroll(Verbs& verbs);
void add_unenroll(Verbs& verbs);
void add_apply(Verbs& verbs);
void add_get(Verbs& verbs);
void add_delete(Verbs& verbs);
void add_diff(Verbs& verbs);
void add_connections(Verbs& verbs);
void add_explain(Verbs& verbs);
void add_policy(Verbs& verbs);
void add_certs(Verbs& verbs);
void add_metrics(Verbs& verbs);
void add_log(Verbs& verbs);
void add_version(Verbs& verbs);
void add_upgrade(Verbs& verbs);
void add_uninstall(Verbs& verbs);
void add_completion(Verbs& verbs);

// All of the above, in the order of --help.
void add_all(Verbs& verbs);

}  // namespace sluice::ctl
