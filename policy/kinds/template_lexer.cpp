#include "policy/kinds/template_lexer.h"

namespace sluice::policy {
namespace {

using Kind = TemplateToken::Kind;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

TemplateToken TemplateLexer::next() {
  if (at_ >= text_.size()) return {Kind::end, {}};
  const char c = text_[at_];
  if (is_space(c)) {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return {Kind::space, " "};
  }
  if (c == '"') return quoted();
  if (c == '`') return raw_quoted();
  const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (is_digit(c) || ((c == '+' || c == '-' || c == '.') && is_digit(after))) return number();
  if (c == '.' || c == '$' || is_word(c)) return word();
  ++at_;
  if (c == '|') return {Kind::pipe, "|"};
  if (c == '(') return {Kind::open, "("};
  if (c == ')') return {Kind::close, ")"};
  return {Kind::other, std::string(1, c)};
}

TemplateToken TemplateLexer::quoted() {
  TemplateToken token{Kind::text, {}};
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return token;
    }
    if (c == '\n') break;
    if (c != '\\') {
      token.text += c;
      continue;
    }
    if (++at_ >= text_.size()) break;
    const char escaped = text_[at_];
    const auto place = std::string_view("nt\\\"").find(escaped);
    if (place == std::string_view::npos) break;
    token.text += "\n\t\\\""[place];
  }
  problem_ = "unterminated quoted string";
  return {Kind::other, {}};
}

TemplateToken TemplateLexer::raw_quoted() {
  const auto end = text_.find('`', at_ + 1);
  if (end == std::string_view::npos) {
    problem_ = "unterminated raw quoted string";
    return {Kind::other, {}};
  }
  TemplateToken token{Kind::text, std::string(text_.substr(at_ + 1, end - at_ - 1))};
  at_ = end + 1;
  return token;
}

TemplateToken TemplateLexer::number() {
  const auto begin = at_++;
  while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '.')) ++at_;
  TemplateToken token{Kind::number, std::string(text_.substr(begin, at_ - begin))};
  if (token.text.find_first_not_of("0123456789.+-") == std::string::npos) return token;
  problem_ = "bad number syntax: \"" + token.text + "\"";
  return {Kind::other, {}};
}

TemplateToken TemplateLexer::word() {
  const auto begin = at_++;
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  const auto word = text_.substr(begin, at_ - begin);
  if (word == ".") return {Kind::dot, "."};
  if (word.front() == '.') return {Kind::field, std::string(word.substr(1))};
  if (word.front() == '$') return {Kind::variable, std::string(word)};
  if (word == "true" || word == "false") return {Kind::boolean, std::string(word)};
  if (word == "nil") return {Kind::nil, "nil"};
  return {Kind::identifier, std::string(word)};
}

}  // namespace sluice::policy
