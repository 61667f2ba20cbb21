// The words inside {{ }} of a template.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::policy {

struct TemplateToken {
  enum class Kind : std::uint8_t {
    end,
    space,
    field,       // .Name
    dot,         // .
    identifier,  // label
    variable,    // $x
    text,        // "..." or `...`, unquoted
    number,
    boolean,
    nil,
    pipe,
    open,
    close,
    other  // anything that no action may hold here
  };
  Kind kind = Kind::end;
  std::string text;
};

class TemplateLexer {
 public:
  explicit TemplateLexer(std::string_view text) : text_(text) {}
  TemplateToken next();
  // Set by a malformed literal: "unterminated quoted string".
  const std::string& problem() const { return problem_; }

 private:
  TemplateToken quoted();
  TemplateToken raw_quoted();
  TemplateToken word();
  TemplateToken number();

  std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
};

}  // namespace sluice::policy
