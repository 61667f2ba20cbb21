#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <map>

#include "ctl/files.h"
#include "ctl/policy/policy.h"
#include "ctl/table.h"
#include "lua/syntax.h"

namespace sluice::ctl {
namespace {

// A text per line, without what could steer a terminal.
std::string printable_lines(const std::string& text) {
  std::string out;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find('\n', start), text.size());
    out += printable(std::string_view(text).substr(start, end - start)) + "\n";
    start = end + 1;
  }
  return out;
}

}  // namespace

void add_dialect(CLI::App& verb, policy::CheckOptions& options) {
  static const std::map<std::string, policy::Dialect> kDialects{{"kuma-2", policy::Dialect::kuma_2},
                                                                {"kuma-3", policy::Dialect::kuma_3}};
  verb.add_option_function<std::string>(
          "--dialect", [&options](const std::string& name) { options.dialect = kDialects.at(name); },
          "judge as Kuma 2.14 or as Kuma 3.0 does (default: kuma-2)")
      ->check(CLI::IsMember({"kuma-2", "kuma-3"}))
      ->type_name("DIALECT");
}

void add_judging(CLI::App& verb, policy::CheckOptions& options) {
  add_dialect(verb, options);
  verb.add_flag("--strict", options.strict, "unknown keys are errors");
}

Outcome<Documents> read_documents(const std::vector<std::string>& paths, const policy::CheckOptions& options,
                                  std::istream& standard_input) {
  const auto files = expand_paths(paths);
  if (!files) return std::unexpected(files.error());
  auto judging = options;
  judging.script_problem = lua::syntax_problem;
  Documents out;
  for (const auto& file : *files) {
    // One byte more than is allowed, so that the parser sees that it is too large.
    const auto content = content_of(file, standard_input, options.limits.bytes + 1);
    if (!content) return std::unexpected(content.error());
    auto checked = policy::check_text(*content, file == "-" ? "<stdin>" : file, judging);
    std::ranges::move(checked.resources, std::back_inserter(out.resources));
    for (const auto& one : checked.diagnostics.list()) ++out.findings[one.severity];
    out.diagnostics.push_back(std::move(checked.diagnostics));
  }
  return out;
}

void tell_errors(const policy::Diagnostics& diagnostics, std::ostream& err) {
  policy::Diagnostics errors;
  for (const auto& one : diagnostics.list()) {
    if (one.severity == policy::Severity::error) errors.add(one);
  }
  if (errors.has_errors()) err << lines_text(errors);
}

Json diagnostics_json(const Documents& documents) {
  Json out = Json::array();
  for (const auto& diagnostics : documents.diagnostics) {
    for (const auto& one : diagnostics.list()) {
      out.push_back({{"file", one.file},
                     {"line", one.mark.line},
                     {"column", one.mark.column},
                     {"path", one.path},
                     {"message", one.message},
                     {"severity", policy::severity_name(one.severity)}});
      if (!one.hint.empty()) out.back()["hint"] = one.hint;
    }
  }
  return out;
}

std::string lines_text(const policy::Diagnostics& diagnostics) {
  return printable_lines(diagnostics.text());
}

std::string diagnostics_text(const Documents& documents) {
  std::string out;
  for (const auto& diagnostics : documents.diagnostics) out += lines_text(diagnostics);
  return out;
}

}  // namespace sluice::ctl
