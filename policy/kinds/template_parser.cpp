// Text to template items. Errors end the parse; their words are Go's where Kuma's users meet them.
#include <algorithm>
#include <array>

#include "policy/kinds/template_lexer.h"
#include "policy/kinds/text_template.h"

namespace sluice::policy {
namespace {

using Kind = TemplateToken::Kind;

constexpr std::array<std::string_view, 20> kFunctions{
    "label", "and",   "or",     "not",     "eq",       "ne",   "lt", "le",    "gt",    "ge",
    "len",   "print", "printf", "println", "urlquery", "html", "js", "index", "slice", "call"};
constexpr std::array<std::string_view, 7> kUnsupported{"range",    "with",  "define",  "block",
                                                       "template", "break", "continue"};

class PipelineParser {
 public:
  explicit PipelineParser(std::string_view text) : lexer_(text) { advance(); }

  bool parse(TemplatePipeline& out, std::string_view context, bool inner = false) {
    while (true) {
      TemplateCommand command;
      if (!parse_command(command)) return false;
      if (command.function.empty() && command.operands.empty())
        return fail("missing value for " + std::string(context));
      out.commands.push_back(std::move(command));
      if (token_.kind == Kind::pipe) {
        advance();
        continue;
      }
      const bool ends = inner ? token_.kind == Kind::close : token_.kind == Kind::end;
      if (!ends) return fail(unexpected() + " in " + std::string(context));
      return check_stages(out);
    }
  }

  const TemplateToken& token() const { return token_; }
  void advance() { token_ = lexer_.next(); }
  void skip_space() {
    if (token_.kind == Kind::space) advance();
  }
  const std::string& problem() const { return problem_; }

 private:
  bool fail(std::string problem) {
    if (problem_.empty()) problem_ = lexer_.problem().empty() ? std::move(problem) : lexer_.problem();
    return false;
  }

  std::string unexpected() const {
    return token_.kind == Kind::end ? "unexpected end" : "unexpected \"" + token_.text + "\"";
  }

  // A literal cannot take what the stage before it gives.
  bool check_stages(const TemplatePipeline& pipeline) {
    for (std::size_t i = 1; i < pipeline.commands.size(); ++i) {
      const auto& command = pipeline.commands[i];
      if (!command.function.empty()) continue;
      const auto kind = command.operands.front().kind;
      if (kind != TemplateOperand::Kind::field && kind != TemplateOperand::Kind::pipeline)
        return fail("non executable command in pipeline stage " + std::to_string(i + 1));
    }
    return true;
  }

  bool parse_command(TemplateCommand& command) {
    skip_space();
    while (true) {
      if (token_.kind == Kind::identifier) {
        if (std::ranges::find(kFunctions, token_.text) == kFunctions.end())
          return fail("function \"" + token_.text + "\" not defined");
        if (!command.function.empty() || !command.operands.empty())
          return fail("a function as an argument must be in parentheses");
        command.function = token_.text;
        advance();
      } else {
        TemplateOperand operand;
        bool found = false;
        if (!parse_operand(operand, found)) return false;
        if (!found) return true;
        command.operands.push_back(std::move(operand));
      }
      if (token_.kind != Kind::space) return true;
      advance();
    }
  }

  bool parse_operand(TemplateOperand& out, bool& found) {
    found = true;
    switch (token_.kind) {
      case Kind::field:
        out.kind = TemplateOperand::Kind::field;
        return take_chain(out);
      case Kind::dot:
        out.kind = TemplateOperand::Kind::dot;
        break;
      case Kind::text:
        out.kind = TemplateOperand::Kind::text;
        break;
      case Kind::number:
        out.kind = TemplateOperand::Kind::number;
        break;
      case Kind::boolean:
        out.kind = TemplateOperand::Kind::boolean;
        break;
      case Kind::nil:
        out.kind = TemplateOperand::Kind::nil;
        break;
      case Kind::variable:
        return fail("undefined variable \"" + token_.text + "\"");
      case Kind::open:
        return take_parentheses(out);
      case Kind::other:
        return fail(unexpected() + " in operand");
      default:
        found = false;
        return true;
    }
    out.text = token_.text;
    advance();
    if (token_.kind == Kind::field) return fail("unexpected . after term \"" + out.text + "\"");
    return true;
  }

  bool take_chain(TemplateOperand& out) {
    while (token_.kind == Kind::field) {
      out.text += (out.text.empty() ? "" : ".") + token_.text;
      advance();
    }
    return true;
  }

  bool take_parentheses(TemplateOperand& out) {
    if (++depth_ > TextTemplate::kMaxDepth) return fail("nested too deeply");
    out.kind = TemplateOperand::Kind::pipeline;
    advance();
    if (!parse(out.inner.emplace_back(), "parenthesized pipeline", true)) return false;
    --depth_;
    advance();
    return true;
  }

  TemplateLexer lexer_;
  TemplateToken token_;
  std::string problem_;
  std::size_t depth_ = 0;
};

class TemplateParser {
 public:
  TemplateParser(std::string_view text, std::string& problem) : text_(text), problem_(problem) {}

  bool run(std::vector<TemplateItem>& items) {
    std::string stop;
    if (!parse_items(items, stop, 0)) return false;
    return stop.empty() || fail("unexpected {{" + stop + "}}");
  }

 private:
  bool fail(const std::string& what) {
    const auto line = 1 + std::ranges::count(text_.substr(0, at_), '\n');
    problem_ = "template: :" + std::to_string(line) + ": " + what;
    return false;
  }

  // Up to the end, or to an `end` or `else` that belongs to the caller, which `stop` then holds whole.
  bool parse_items(std::vector<TemplateItem>& items, std::string& stop, std::size_t depth) {
    while (true) {
      const auto open = text_.find("{{", at_);
      auto text = text_.substr(at_, open == std::string_view::npos ? open : open - at_);
      if (trim_next_) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
      trim_next_ = false;
      if (open == std::string_view::npos) {
        add_text(items, text);
        at_ = text_.size();
        return true;
      }
      std::string_view action;
      bool trim_before = false;
      if (!take_action(open, action, trim_before)) return false;
      if (trim_before) text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
      add_text(items, text);
      if (action.starts_with("/*")) continue;
      if (!take_statement(action, items, stop, depth)) return false;
      if (!stop.empty()) return true;
    }
  }

  static void add_text(std::vector<TemplateItem>& items, std::string_view text) {
    if (!text.empty()) items.emplace_back().text = text;
  }

  // The inside of {{ }}, which ends at the first }} outside a literal or comment.
  bool take_action(std::size_t open, std::string_view& action, bool& trim_before) {
    auto begin = open + 2;
    trim_before =
        begin + 1 < text_.size() && text_[begin] == '-' && kSpaces.find(text_[begin + 1]) != kSpaces.npos;
    if (trim_before) begin += 2;
    auto end = begin;
    char quote = '\0';
    const auto rest = text_.substr(begin);
    if (rest.starts_with("/*")) {
      const auto close = text_.find("*/", begin + 2);
      if (close == std::string_view::npos) return fail("unclosed comment");
      end = close + 2;
    }
    for (; end < text_.size(); ++end) {
      if (quote == '\0' && text_.substr(end).starts_with("}}")) break;
      if (quote == '"' && text_[end] == '\\')
        ++end;
      else if (quote != '\0')
        quote = text_[end] == quote ? '\0' : quote;
      else if (text_[end] == '"' || text_[end] == '`')
        quote = text_[end];
    }
    if (end >= text_.size()) return fail(quote == '\0' ? "unclosed action" : "unterminated quoted string");
    action = text_.substr(begin, end - begin);
    at_ = end + 2;
    if (action.size() >= 2 && action.back() == '-' &&
        kSpaces.find(action[action.size() - 2]) != kSpaces.npos) {
      trim_next_ = true;
      action.remove_suffix(2);
    }
    if (action.starts_with("/*") && !action.ends_with("*/"))
      return fail("comment ends before closing delimiter");
    return true;
  }

  bool take_statement(std::string_view action, std::vector<TemplateItem>& items, std::string& stop,
                      std::size_t depth) {
    const auto first = std::min(action.find_first_not_of(kSpaces), action.size());
    const auto body = action.substr(first);
    const auto word = body.substr(0, body.find_first_of(" \t\r\n("));
    if (std::ranges::find(kUnsupported, word) != kUnsupported.end())
      return fail("{{" + std::string(word) + "}} is not supported");
    if (word == "end" || word == "else") {
      stop = body.substr(0, body.find_last_not_of(kSpaces) + 1);
      return true;
    }
    if (word == "if") return take_branch(body.substr(2), items, depth);
    auto& item = items.emplace_back();
    return take_pipeline(action, "command", item.pipeline.emplace());
  }

  bool take_pipeline(std::string_view text, std::string_view context, TemplatePipeline& out) {
    PipelineParser parser(text);
    return parser.parse(out, context) || fail(parser.problem());
  }

  bool take_branch(std::string_view condition, std::vector<TemplateItem>& items, std::size_t depth) {
    if (depth >= TextTemplate::kMaxDepth) return fail("nested too deeply");
    auto& item = items.emplace_back();
    item.branch = true;
    if (!take_pipeline(condition, "if", item.pipeline.emplace())) return false;
    std::string stop;
    if (!parse_items(item.then, stop, depth + 1)) return false;
    if (stop.starts_with("else if")) return take_else_if(stop, item, depth);
    if (stop == "else") {
      stop.clear();
      if (!parse_items(item.otherwise, stop, depth + 1)) return false;
    }
    return stop == "end" || fail(stop.empty() ? "unexpected EOF" : "unexpected {{" + stop + "}}");
  }

  // One {{end}} closes the whole chain.
  bool take_else_if(const std::string& stop, TemplateItem& item, std::size_t depth) {
    return take_branch(std::string_view(stop).substr(7), item.otherwise, depth + 1);
  }

  static constexpr std::string_view kSpaces = " \t\r\n";
  std::string_view text_;
  std::string& problem_;
  std::size_t at_ = 0;
  bool trim_next_ = false;
};

}  // namespace

bool parse_template(std::string_view text, std::vector<TemplateItem>& items, std::string& problem) {
  return TemplateParser(text, problem).run(items);
}

}  // namespace sluice::policy
