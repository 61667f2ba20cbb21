#include "codec/h2_head.h"

#include <algorithm>

#include "http/forward.h"
#include "http/scan.h"

namespace sluice::codec {
namespace {

using http::Known;

bool allows_body(std::uint16_t status, http::Asked asked) {
  if (status < 200 || status == 204 || status == 304 || asked.head) return false;
  return !(asked.connect && status < 300);
}

// RFC 9113 section 8.2.2, and what the pseudo-fields carry.
bool belongs_to_the_hop(Known known) {
  switch (known) {
    case Known::connection:
    case Known::keep_alive:
    case Known::proxy_connection:
    case Known::transfer_encoding:
    case Known::upgrade:
    case Known::host:
      return true;
    default:
      return false;
  }
}

bool named_in(std::span<const http::SetField> list, std::string_view name) {
  return std::ranges::any_of(
      list, [name](const http::SetField& f) { return http::equal_ignoring_case(f.name, name); });
}

bool named_in(std::span<const std::string_view> list, std::string_view name) {
  return std::ranges::any_of(list, [name](std::string_view n) { return http::equal_ignoring_case(n, name); });
}

}  // namespace

bool HeadText::add(std::string_view name, std::string_view value) {
  if (name.empty()) return false;
  return name.front() == ':' ? add_pseudo(name, value) : add_field(name, value);
}

bool HeadText::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":status") {
    if (value.size() != 3 || !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }))
      return false;
    status_ = static_cast<std::uint16_t>((value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0'));
    return status_ >= 100 && status_ != 101;  // RFC 9113 section 8.6: 101 has no meaning here
  }
  if (value.size() > http::kTargetBytesMax) {
    too_large_ = true;
    return true;
  }
  if (name == ":method") method_ = value;
  if (name == ":authority") authority_ = value;
  if (name == ":path") path_ = value;
  return true;
}

bool HeadText::add_field(std::string_view name, std::string_view value) {
  if (fields_.size() + cookies_.size() + name.size() + value.size() > http::kHeadBytesMax) {
    too_large_ = true;
    return true;
  }
  if (name == "host") {
    if (!host_.empty()) return false;
    host_ = value;
    return true;
  }
  if (name == "cookie") {
    cookies_.append(cookies_.empty() ? "" : "; ").append(value);
    return true;
  }
  has_length_ |= name == "content-length";
  fields_.append(name).append(": ").append(value).append("\r\n");
  return true;
}

std::string HeadText::request_text(bool ends) const {
  // RFC 9113 section 8.3.1: :authority goes first; a Host that differs is made visible as a second Host,
  // which the reader refuses.
  const std::string& authority = authority_.empty() ? host_ : authority_;
  std::string text;
  text.reserve(method_.size() + path_.size() + authority.size() + cookies_.size() + fields_.size() + 64);
  text.append(method_).append(" ").append(is_connect() ? authority : path_).append(" HTTP/1.1\r\n");
  text.append("host: ").append(authority).append("\r\n");
  if (!host_.empty() && host_ != authority) text.append("host: ").append(host_).append("\r\n");
  if (!cookies_.empty()) text.append("cookie: ").append(cookies_).append("\r\n");
  text.append(fields_);
  if (!ends && !has_length_ && !is_connect()) text.append("transfer-encoding: chunked\r\n");
  return text.append("\r\n");
}

std::string HeadText::response_text(bool ends, http::Asked asked) const {
  // With the reason that HTTP/2 has none of: some clients of HTTP/1.1 take a status without one for none.
  std::string text = "HTTP/1.1 " + std::to_string(status_) + " ";
  text.append(http::reason_phrase(status_)).append("\r\n").append(fields_);
  if (allows_body(status_, asked) && !has_length_)
    text.append(ends ? "content-length: 0\r\n" : "transfer-encoding: chunked\r\n");
  return text.append("\r\n");
}

void FieldBlock::add(std::string_view name, std::string_view value) {
  const std::size_t name_at = text_.size();
  for (const char c : name) text_.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  const std::size_t value_at = text_.size();
  text_.append(value);
  places_.push_back({name_at, name.size(), value_at, value.size()});
}

void FieldBlock::add_request(const http::Request& request, const http::Edits& edits) {
  add(":method", request.method);
  const std::string_view authority = edits.authority.empty() ? request.authority : edits.authority;
  if (!request.is_connect()) {
    add(":scheme", "http");
    add(":path", edits.target.empty() ? request.target.path : edits.target);
  }
  if (!authority.empty()) add(":authority", authority);
  add_fields(request.head, *request.fields, edits, false);
}

void FieldBlock::add_response(const http::Response& response, const http::Edits& edits, bool ends) {
  add(":status", std::to_string(response.status));
  add_fields(response.head, *response.fields, edits, ends);
}

void FieldBlock::add_fields(std::string_view head, const http::FieldList& fields, const http::Edits& edits,
                            bool drop_zero_length) {
  const bool nominates = fields.count(Known::connection) > 0;
  for (const http::Field& field : fields.all()) {
    const std::string_view name = field.name(head);
    const std::string_view value = field.value(head);
    if (belongs_to_the_hop(field.known)) continue;
    if (field.known == Known::te && !http::equal_ignoring_case(value, "trailers")) continue;
    if (nominates && field.known == Known::other && is_nominated(head, fields, name)) continue;
    if (drop_zero_length && field.known == Known::content_length && value == "0") continue;
    if (named_in(edits.set, name) || named_in(edits.remove, name)) continue;
    add(name, value);
  }
  for (const http::SetField& field : edits.set) add(field.name, field.value);
  for (const http::SetField& field : edits.add) add(field.name, field.value);
}

void FieldBlock::add_trailers(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    if (belongs_to_the_hop(http::known_name(line.substr(0, colon)))) continue;
    add(line.substr(0, colon), http::trim_spaces(line.substr(colon + 1)));
  }
}

}  // namespace sluice::codec
