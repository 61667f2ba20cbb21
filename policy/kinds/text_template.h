// The part of Go's text/template that Kuma's templates need (HostnameGenerator.template,
// MeshIdentity.spiffeID): text, {{ .Field }}, {{ label "key" }}, pipelines, parentheses, comments, trim
// markers and {{ if }}. Loops, variables and nested templates are refused; Go's other functions parse but do
// not render.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

struct TemplateValues {
  std::map<std::string, std::string, std::less<>> fields;  // "Name" for {{ .Name }}
  // Nothing when there is no such label, which fails the rendering.
  std::function<std::optional<std::string>(std::string_view key)> label;
};

struct TemplatePipeline;

struct TemplateOperand {
  enum class Kind : std::uint8_t { field, dot, text, number, boolean, nil, pipeline };
  Kind kind = Kind::text;
  std::string text;  // field: its chain, "Name" or "A.B"; literals: the value
  std::vector<TemplatePipeline> inner;
};
struct TemplateCommand {
  std::string function;  // empty: the first operand is the value
  std::vector<TemplateOperand> operands;
};
struct TemplatePipeline {
  std::vector<TemplateCommand> commands;
};
struct TemplateItem {
  std::string text;
  std::optional<TemplatePipeline> pipeline;  // instead of text
  bool branch = false;                       // {{ if pipeline }}
  std::vector<TemplateItem> then;
  std::vector<TemplateItem> otherwise;
};

class TextTemplate {
 public:
  // Nothing when malformed; `problem` then says why in Go's words, "template: :1: function \"x\" not
  // defined".
  static std::optional<TextTemplate> parse(std::string_view text, std::string& problem);
  std::optional<std::string> render(const TemplateValues& values, std::string& problem) const;

  static constexpr std::size_t kMaxText = 4096;
  static constexpr std::size_t kMaxDepth = 32;

 private:
  std::vector<TemplateItem> items_;
};

// Reads the whole of `text` into `items`; the parser behind TextTemplate::parse.
bool parse_template(std::string_view text, std::vector<TemplateItem>& items, std::string& problem);

}  // namespace sluice::policy
