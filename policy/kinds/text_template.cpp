#include "policy/kinds/text_template.h"

#include <algorithm>

namespace sluice::policy {
namespace {

struct Value {
  enum class Kind : std::uint8_t { text, number, boolean, nil, dot };
  Kind kind = Kind::text;
  std::string text;

  bool truth() const {
    if (kind == Kind::boolean) return text == "true";
    if (kind == Kind::number) return text.find_first_of("123456789") != std::string::npos;
    return kind == Kind::dot || !text.empty();
  }
  bool operator==(const Value&) const = default;
};

Value of_boolean(bool value) {
  return {Value::Kind::boolean, value ? "true" : "false"};
}

class Renderer {
 public:
  Renderer(const TemplateValues& values, std::string& problem) : values_(values), problem_(problem) {}

  bool run(const std::vector<TemplateItem>& items, std::string& out) {
    for (const auto& item : items) {
      if (!item.pipeline) {
        out += item.text;
        continue;
      }
      const auto value = pipeline(*item.pipeline);
      if (!value) return false;
      if (item.branch) {
        if (!run(value->truth() ? item.then : item.otherwise, out)) return false;
      } else if (value->kind == Value::Kind::dot || value->kind == Value::Kind::nil) {
        return fail("the value cannot be written as text").has_value();
      } else {
        out += value->text;
      }
    }
    return true;
  }

 private:
  std::optional<Value> fail(std::string problem) {
    problem_ = std::move(problem);
    return std::nullopt;
  }

  std::optional<Value> pipeline(const TemplatePipeline& pipeline) {
    std::optional<Value> last;
    for (const auto& command : pipeline.commands) {
      std::vector<Value> arguments;
      for (const auto& operand : command.operands) {
        auto value = evaluate(operand);
        if (!value) return std::nullopt;
        arguments.push_back(std::move(*value));
      }
      if (last) arguments.push_back(std::move(*last));
      if (command.function.empty()) {
        if (arguments.size() != 1) return fail("can't give argument to non-function");
        last = std::move(arguments.front());
      } else {
        last = call(command.function, arguments);
        if (!last) return std::nullopt;
      }
    }
    return last;
  }

  std::optional<Value> evaluate(const TemplateOperand& operand) {
    switch (operand.kind) {
      case TemplateOperand::Kind::pipeline:
        return pipeline(operand.inner.front());
      case TemplateOperand::Kind::field: {
        const auto found = values_.fields.find(operand.text);
        if (found == values_.fields.end()) return fail("can't evaluate field " + operand.text);
        return Value{Value::Kind::text, found->second};
      }
      case TemplateOperand::Kind::dot:
        return Value{Value::Kind::dot, {}};
      case TemplateOperand::Kind::number:
        return Value{Value::Kind::number, operand.text};
      case TemplateOperand::Kind::boolean:
        return Value{Value::Kind::boolean, operand.text};
      case TemplateOperand::Kind::nil:
        return Value{Value::Kind::nil, {}};
      case TemplateOperand::Kind::text:
        break;
    }
    return Value{Value::Kind::text, operand.text};
  }

  std::optional<Value> call(const std::string& name, std::vector<Value>& arguments) {
    const auto count = arguments.size();
    const auto wrong = [&](const std::string& wanted) {
      return fail("wrong number of args for " + name + ": want " + wanted + " got " + std::to_string(count));
    };
    if (name == "label") {
      if (count != 1) return wrong("1");
      auto value = values_.label ? values_.label(arguments[0].text) : std::nullopt;
      if (!value) return fail("label \"" + arguments[0].text + "\" not found");
      return Value{Value::Kind::text, std::move(*value)};
    }
    if (name == "not") return count == 1 ? of_boolean(!arguments[0].truth()) : wrong("1");
    if (name == "and" || name == "or") {
      if (count == 0) return wrong("at least 1");
      const bool stops_at = name == "or";
      const auto stop =
          std::ranges::find_if(arguments, [&](const Value& v) { return v.truth() == stops_at; });
      return stop == arguments.end() ? arguments.back() : *stop;
    }
    if (name == "eq" || name == "ne") {
      if (count < 2 || (name == "ne" && count > 2)) return wrong("2");
      const bool same = std::find(arguments.begin() + 1, arguments.end(), arguments[0]) != arguments.end();
      return of_boolean(same == (name == "eq"));
    }
    if (name == "len" && count == 1)
      return Value{Value::Kind::number, std::to_string(arguments[0].text.size())};
    return fail("function \"" + name + "\" is not supported here");
  }

  const TemplateValues& values_;
  std::string& problem_;
};

}  // namespace

std::optional<TextTemplate> TextTemplate::parse(std::string_view text, std::string& problem) {
  if (text.size() > kMaxText) {
    problem = "template: longer than " + std::to_string(kMaxText) + " bytes";
    return std::nullopt;
  }
  TextTemplate out;
  if (!parse_template(text, out.items_, problem)) return std::nullopt;
  return out;
}

std::optional<std::string> TextTemplate::render(const TemplateValues& values, std::string& problem) const {
  std::string out;
  if (!Renderer(values, problem).run(items_, out)) return std::nullopt;
  return out;
}

}  // namespace sluice::policy
