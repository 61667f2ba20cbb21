#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

// Long and short flags of a verb, its groups' included.
std::string flags_of(const CLI::App& verb) {
  std::string out;
  const auto add = [&out](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  for (const CLI::Option* option : verb.get_options()) {
    for (const auto& name : option->get_snames()) add("-" + name);
    for (const auto& name : option->get_lnames()) add("--" + name);
  }
  for (const CLI::App* group :
       verb.get_subcommands([](const CLI::App* app) { return app->get_name().empty(); }))
    add(flags_of(*group));
  return out;
}

constexpr const char* kBashHead =
    R"(# bash completion for sluice; load it with: source <(sluice completion bash)
_sluice() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
  COMPREPLY=()
  case $prev in
    -o|--output) COMPREPLY=($(compgen -W "table json yaml" -- "$cur")); return ;;
    --by) COMPREPLY=($(compgen -W "workload peer age bytes" -- "$cur")); return ;;
    --dialect) COMPREPLY=($(compgen -W "kuma-2 kuma-3" -- "$cur")); return ;;
    --fail-mode) COMPREPLY=($(compgen -W "closed-fast closed open" -- "$cur")); return ;;
    -f|--file|--netns|--cgroup|--socket) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
)";
constexpr const char* kBashTail = R"(  esac
}
complete -o filenames -F _sluice sluice
)";

bool named(const CLI::App* app) {
  return !app->get_name().empty();
}

// The words that may follow a verb; for a group, its verbs.
std::string words_of(const CLI::App& verb) {
  std::string words;
  for (const CLI::App* sub : verb.get_subcommands(named)) words += sub->get_name() + " ";
  words += flags_of(verb);
  if (verb.get_name() == "log") words += " debug info warn error";
  if (verb.get_name() == "completion") words += " bash";
  return words;
}

// One case per verb and per verb of a group; a verb that takes files completes those too.
std::string cases_of(const CLI::App& app, const std::string& prefix) {
  std::string cases;
  for (const CLI::App* verb : app.get_subcommands(named)) {
    const auto name = prefix + verb->get_name();
    const bool files = verb->get_option_no_throw("files") != nullptr;
    cases += cases_of(*verb, name + "/");
    cases += fmt::format("    {}) COMPREPLY=($(compgen {}-W \"{}\" -- \"$cur\")) ;;\n", name,
                         files ? "-f " : "", words_of(*verb));
  }
  return cases;
}

std::string bash_script(const CLI::App& app) {
  std::string verbs;
  std::string groups;
  for (const CLI::App* verb : app.get_subcommands(named)) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    if (!verb->get_subcommands(named).empty()) groups += (groups.empty() ? "" : "|") + verb->get_name();
  }
  return kBashHead +
         fmt::format(
             "  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W \"{} --help\" -- \"$cur\")); return; "
             "fi\n"
             "  case $verb in {}) ((COMP_CWORD > 2)) && verb=$verb/${{COMP_WORDS[2]}} ;; esac\n",
             verbs, groups) +
         "  case $verb in\n" + cases_of(app, "") + kBashTail;
}

}  // namespace

void add_completion(Verbs& verbs) {
  const auto shell = std::make_shared<std::string>();
  // The command line outlives the run of its verb.
  const CLI::App* app = &verbs.app();
  auto& verb = verbs.add("completion", "Prints a completion script for the shell.",
                         "source <(sluice completion bash)", [shell, app](const Session& session) {
                           const auto script = bash_script(*app);
                           session.show(Json{{"shell", *shell}, {"script", script}}, [&] { return script; });
                           return kExitOk;
                         });
  verb.add_option("shell", *shell, "bash")->required()->check(CLI::IsMember({"bash"}));
}

}  // namespace sluice::ctl
