#include "resources/document.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "lua/syntax.h"
#include "policy/document/envelope.h"
#include "policy/document/yaml.h"
#include "policy/kinds/check.h"

namespace sluice::agent {
namespace {

struct Slice {
  std::string_view text;
  std::uint32_t line = 0;  // lines before it
};

bool separates(std::string_view line) {
  return line == "---" || line.starts_with("--- ") || line == "---\r" || line == "...";
}

std::vector<Slice> cut(std::string_view text) {
  std::vector<Slice> slices;
  std::size_t begin = 0;
  std::size_t at = 0;
  std::uint32_t line = 0;
  std::uint32_t first = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto next = std::min(end + 1, text.size());
    ++line;
    if (separates(text.substr(at, end - at))) {
      slices.push_back({text.substr(begin, at - begin), first});
      begin = next;
      first = line;
    }
    at = next;
  }
  slices.push_back({text.substr(begin), first});
  std::erase_if(slices, [](const Slice& slice) {
    return slice.text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  });
  return slices;
}

void shift(policy::Node& node, std::uint32_t lines) {
  if (node.mark.line != 0) node.mark.line += lines;
  for (auto& item : node.items) shift(item, lines);
  for (auto& field : node.fields) {
    if (field.mark.line != 0) field.mark.line += lines;
    shift(field.value, lines);
  }
}

void shift(policy::Resource& resource, std::uint32_t lines) {
  resource.mark.line += lines;
  shift(resource.body, lines);
}

policy::Diagnostics shifted(const policy::Diagnostics& diagnostics, std::uint32_t lines) {
  policy::Diagnostics out;
  for (auto diagnostic : diagnostics.list()) {
    diagnostic.mark.line += lines;
    out.add(std::move(diagnostic));
  }
  return out;
}

// Who a bad document is, as far as its envelope tells.
std::string key_of_bad(const std::string& text, const std::string& file) {
  policy::Diagnostics ignored;
  policy::YamlLimits limits;
  limits.last_key_holds = true;
  auto nodes = policy::parse_yaml(text, file, ignored, limits);
  if (nodes.size() != 1 || ignored.has_errors()) return {};
  const auto resource = policy::open_envelope(std::move(nodes.front()), file, ignored);
  return resource ? resource->key() : std::string();
}

// As many as one text of YAML may have: each is judged, and told of, by itself.
constexpr std::size_t kDocumentsMax = policy::YamlLimits{}.documents;

DocumentPtr too_many(const std::string& file) {
  Document out;
  out.where = file + ":1";
  out.diagnostics.add({policy::Severity::error,
                       policy::Stage::syntax,
                       file,
                       {1, 1},
                       {},
                       fmt::format("more than {} documents", kDocumentsMax),
                       "divide it into several files"});
  return std::make_shared<const Document>(std::move(out));
}

bool only_comments(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

// The only warning of its stage that a kept script gets.
std::string script_problem_of(const policy::Diagnostics& diagnostics) {
  for (const auto& one : diagnostics.list())
    if (one.stage == policy::Stage::support && one.message.contains(policy::kLuaDoesNotCompile))
      return one.text();
  return {};
}

struct Judging {
  policy::Dialect dialect = policy::Dialect::kuma_2;
  bool strict = false;
  bool stored = false;
};

Document judge(const Slice& slice, const std::string& file, const Judging& judging) {
  Document out;
  out.text = slice.text;
  out.line = slice.line;
  policy::CheckOptions options;
  options.for_use = true;
  options.strict = judging.strict;
  options.script_problem = lua::syntax_problem;
  options.scripts_stay = judging.stored;
  options.dialect = judging.dialect;
  auto checked = policy::check_text(slice.text, file, options);
  out.diagnostics = shifted(checked.diagnostics, slice.line);
  out.where = fmt::format("{}:{}", file, slice.line + 1);
  if (!checked.diagnostics.has_errors() && checked.resources.size() == 1) {
    auto resource = std::make_shared<policy::Resource>(std::move(checked.resources.front()));
    shift(*resource, slice.line);
    out.resource = std::move(resource);
    out.key = out.resource->key();
    if (judging.stored) out.script_problem = script_problem_of(out.diagnostics);
    out.where = fmt::format("{}:{}", file, out.resource->mark.line);
  } else {
    out.key = key_of_bad(out.text, file);
    if (!out.diagnostics.list().empty())
      out.where = fmt::format("{}:{}", file, out.diagnostics.list().front().mark.line);
  }
  return out;
}

std::vector<DocumentPtr> judge_all(std::string_view text, const std::string& file, const Judging& judging,
                                   std::span<const DocumentPtr> known) {
  std::unordered_map<std::uint32_t, DocumentPtr> by_line;
  for (const auto& document : known)
    if (document->resource && document->resource->file == file) by_line.emplace(document->line, document);
  std::vector<DocumentPtr> out;
  const auto slices = cut(text);
  if (slices.size() > kDocumentsMax) return {too_many(file)};
  for (const auto& slice : slices) {
    const auto old = by_line.find(slice.line);
    if (old != by_line.end() && old->second->text == slice.text) {
      out.push_back(old->second);
    } else if (!only_comments(slice.text)) {
      out.push_back(std::make_shared<const Document>(judge(slice, file, judging)));
    }
  }
  return out;
}

}  // namespace

std::vector<DocumentPtr> judge_documents(std::string_view text, const std::string& file,
                                         policy::Dialect dialect, bool strict,
                                         std::span<const DocumentPtr> known) {
  return judge_all(text, file, {.dialect = dialect, .strict = strict}, known);
}

std::vector<DocumentPtr> judge_stored(std::string_view text, const std::string& file,
                                      policy::Dialect dialect) {
  return judge_all(text, file, {.dialect = dialect, .stored = true}, {});
}

}  // namespace sluice::agent
