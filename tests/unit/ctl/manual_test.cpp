// docs/sluice.1 against the command line itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

// The page without its font changes and with plain hyphens.
std::string manual() {
  std::ifstream file(SLUICE_MANUAL);
  std::string raw(std::istreambuf_iterator<char>(file), {});
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      out += raw[i];
      continue;
    }
    ++i;
    if (raw[i] == 'f') {
      ++i;
    } else {
      out += raw[i];
    }
  }
  return out;
}

// The name in a heading: one word, or two for the verb of a group.
std::string verb_in(const std::string& heading, const std::set<std::string>& groups) {
  auto name = heading.substr(0, heading.find(' '));
  if (!groups.contains(name)) return name;
  return heading.substr(0, heading.find(' ', name.size() + 1));
}

// Verb -> what stands in its section, the heading included.
std::map<std::string, std::string> sections(const std::set<std::string>& groups) {
  std::map<std::string, std::string> out;
  std::istringstream lines(manual());
  std::string verb;
  bool among_verbs = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".SH ")) {
      among_verbs = line == ".SH VERBS";
      verb.clear();
    }
    if (!among_verbs) continue;
    if (line.starts_with(".SS ")) verb = verb_in(line.substr(4), groups);
    if (!verb.empty()) out[verb] += line + "\n";
  }
  return out;
}

struct Manual : ::testing::Test {
  CLI::App app{"", "sluice"};
  Verbs verbs{app, "/nonexistent"};
  void SetUp() override { add_all(verbs); }
};

// A group of options is a nameless subcommand of its verb.
void expect_options(const CLI::App& verb, const std::string& name, const std::string& section) {
  for (const CLI::Option* option : verb.get_options()) {
    for (const auto& word : option->get_lnames()) {
      if (word == "help" || word == "output" || word == "socket") continue;  // stand once, for all verbs
      EXPECT_THAT(section, HasSubstr("--" + word)) << "of " << name;
    }
  }
  for (const CLI::App* group : verb.get_subcommands({})) expect_options(*group, name, section);
}

bool named(const CLI::App* app) {
  return !app->get_name().empty();
}

// Every verb by its name, the verbs of groups as "group verb".
std::map<std::string, const CLI::App*> all_verbs(const CLI::App& app, std::set<std::string>& groups) {
  std::map<std::string, const CLI::App*> out;
  for (const CLI::App* verb : app.get_subcommands(named)) {
    const auto below = verb->get_subcommands(named);
    if (below.empty()) out[verb->get_name()] = verb;
    if (!below.empty()) groups.insert(verb->get_name());
    for (const CLI::App* sub : below) out[verb->get_name() + " " + sub->get_name()] = sub;
  }
  return out;
}

TEST_F(Manual, HasEveryVerbWithItsOptionsAndNoOther) {
  std::set<std::string> groups;
  const auto all = all_verbs(std::as_const(app), groups);
  ASSERT_GT(all.size(), 10u);
  auto described = sections(groups);
  for (const auto& [name, verb] : all) {
    const auto found = described.find(name);
    if (found == described.end()) {
      ADD_FAILURE() << "docs/sluice.1 has no section for " << name;
      continue;
    }
    expect_options(*verb, name, found->second);
    described.erase(found);
  }
  for (const auto& [name, section] : described) ADD_FAILURE() << "docs/sluice.1: no such verb: " << name;
}

TEST_F(Manual, HasTheCommonOptionsExitCodesAndEnvironment) {
  const auto page = manual();
  for (const char* wanted : {"--output", "--socket", "--help", "SLUICE_SOCKET", "NO_COLOR", kDefaultSocket})
    EXPECT_THAT(page, HasSubstr(wanted));
  for (const int code : {kExitOk, kExitFailed, kExitUsage})
    EXPECT_THAT(page.substr(page.find(".SH EXIT STATUS")), HasSubstr("\n.B " + std::to_string(code) + "\n"));
}

}  // namespace
}  // namespace sluice::ctl
