#include "http/head_reader.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

Refusal too_large(HeadReader::Kind kind) {
  return kind == HeadReader::Kind::trailer ? Refusal::trailer_too_large : Refusal::head_too_large;
}

std::uint16_t narrow(std::size_t value) {
  return static_cast<std::uint16_t>(value);  // heads are below kHeadBytesMax
}

}  // namespace

void HeadReader::restart() {
  const Kind kind = kind_;
  have_start_ = skipped_empty_ = complete_ = false;
  at_ = scanned_ = start_at_ = start_size_ = 0;
  fields_.clear();
  kind_ = kind;
}

Parsed<Progress> HeadReader::read(std::string_view bytes) {
  // Lines beyond the limit are not read at all: the head is over, or too large.
  const std::string_view head = bytes.substr(0, kHeadBytesMax);
  while (!complete_) {
    const auto taken = take_line(head);
    if (!taken) return std::unexpected(taken.error());
    if (*taken) continue;
    if (bytes.size() >= kHeadBytesMax) return std::unexpected(too_large(kind_));
    return Progress::need_more;
  }
  return Progress::complete;
}

Parsed<bool> HeadReader::take_line(std::string_view bytes) {
  const std::size_t end = find_control(bytes, scanned_);
  scanned_ = end;
  if (end == bytes.size()) return false;
  if (bytes[end] == '\n') return std::unexpected(Refusal::bare_lf);
  if (bytes[end] != '\r') return std::unexpected(Refusal::control_character);
  if (end + 1 == bytes.size()) return false;
  if (bytes[end + 1] != '\n') return std::unexpected(Refusal::bare_cr);

  const std::string_view line = bytes.substr(at_, end - at_);
  const std::size_t line_at = at_;
  at_ = scanned_ = end + 2;
  if (!have_start_ && kind_ != Kind::trailer) {
    // RFC 9112 2.2: one empty line before a request is left over from an old client's body.
    if (line.empty() && kind_ == Kind::request && !skipped_empty_) {
      skipped_empty_ = true;
      return true;
    }
    if (line.empty()) return std::unexpected(Refusal::start_line);
    have_start_ = true;
    start_at_ = line_at;
    start_size_ = line.size();
    return true;
  }
  if (line.empty()) {
    complete_ = true;
    return true;
  }
  auto field = field_of(line);
  if (!field) return std::unexpected(field.error());
  field->name_at = narrow(line_at);
  field->value_at = narrow(line_at + field->value_at);
  if (!fields_.add(*field)) return std::unexpected(Refusal::too_many_fields);
  return true;
}

// Offsets count from the line here.
Parsed<Field> HeadReader::field_of(std::string_view line) const {
  if (line.front() == ' ' || line.front() == '\t') return std::unexpected(Refusal::folded_line);
  const std::size_t name_size = find_non_token(line);
  if (name_size == line.size()) return std::unexpected(Refusal::no_colon);
  if (line[name_size] == ' ' || line[name_size] == '\t') {
    const bool colon_follows = line.find(':', name_size) != std::string_view::npos;
    return std::unexpected(colon_follows ? Refusal::space_before_colon : Refusal::no_colon);
  }
  if (line[name_size] != ':' || name_size == 0) return std::unexpected(Refusal::field_name);
  const std::string_view value = trim_spaces(line.substr(name_size + 1));
  Field field;
  field.name_size = narrow(name_size);
  field.value_size = narrow(value.size());
  field.value_at = value.empty() ? narrow(name_size + 1) : narrow(value.data() - line.data());
  field.known = known_name(line.substr(0, name_size));
  return field;
}

}  // namespace sluice::http
