#include "exchange/lua_message.h"

#include <algorithm>
#include <utility>

#include "http/scan.h"

namespace sluice::exchange {
namespace {

using http::Known;

constexpr std::size_t kAnswerFieldsMax = 64;
constexpr std::size_t kAnswerFieldBytesMax = 16 * 1024;

bool framing(Known known) {
  return known != Known::other && known != Known::trailer;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

void take_fields(std::string_view head, const http::FieldList& fields, bool request, lua::Message& out) {
  for (const http::Field& field : fields.all()) {
    if (request && field.known == Known::host) continue;
    out.fields.push_back({lower_case(field.name(head)), std::string(field.value(head))});
  }
}

std::string_view value_of(const lua::Message& message, std::string_view name) {
  const auto found = std::ranges::find(message.fields, name, &lua::Field::name);
  return found == message.fields.end() ? std::string_view() : std::string_view(found->value);
}

// All but the start line: what the script left of the fields, and the lines that are not its own to change.
void write_fields(const lua::Message& message, std::string_view head, const http::FieldList& fields,
                  std::string& out) {
  for (const auto& field : message.fields) {
    if (field.name.starts_with(':') || framing(http::known_name(field.name))) continue;
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  for (const http::Field& field : fields.all()) {
    if (!framing(field.known) || field.known == Known::host) continue;
    out.append(field.name(head)).append(": ").append(field.value(head)).append("\r\n");
  }
  out.append("\r\n");
}

bool without_body(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

lua::Message message_of(const http::Request& request) {
  lua::Message out;
  const auto absolute = request.target.form == http::Target::Form::absolute;
  out.fields.reserve(request.fields->size() + 4);
  out.fields.push_back({":method", std::string(request.method)});
  if (!request.is_connect()) out.fields.push_back({":path", std::string(request.target.path)});
  out.fields.push_back({":authority", std::string(request.authority)});
  out.fields.push_back({":scheme", absolute ? lower_case(request.target.scheme) : "http"});
  take_fields(request.head, *request.fields, true, out);
  out.protocol = request.version_1_1 ? "HTTP/1.1" : "HTTP/1.0";
  return out;
}

lua::Message message_of(const http::Response& response) {
  lua::Message out;
  out.fields.reserve(response.fields->size() + 1);
  out.fields.push_back({":status", std::to_string(response.status)});
  take_fields(response.head, *response.fields, false, out);
  out.protocol = response.version_1_1 ? "HTTP/1.1" : "HTTP/1.0";
  return out;
}

std::expected<http::Request, std::string> ChangedHeads::request(const lua::Message& message,
                                                                const http::Request& original) {
  const auto method = value_of(message, ":method");
  const auto special = [](std::string_view name) { return name == "HEAD" || name == "CONNECT"; };
  if (method != original.method && (special(method) || special(original.method)))
    return std::unexpected("a script cannot make a request a HEAD or CONNECT, or anything else of one");
  Head& head = heads_.emplace_back(http::HeadReader::Kind::request);
  const auto authority = value_of(message, ":authority");
  head.text.append(method).append(" ");
  head.text.append(original.is_connect() ? authority : value_of(message, ":path"));
  head.text.append(original.version_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  if (!authority.empty()) head.text.append("host: ").append(authority).append("\r\n");
  write_fields(message, original.head, *original.fields, head.text);
  const auto read = http::read_request(head.reader, head.text);
  if (!read || !*read || head.reader.size() != head.text.size())
    return std::unexpected("what the script made of the request's head is not HTTP");
  http::Request made = **read;
  made.version_1_1 = original.version_1_1;
  made.persistent = original.persistent;
  made.upgrade = original.upgrade;
  made.expects_continue = original.expects_continue;
  made.body = original.body;
  return made;
}

std::expected<http::Response, std::string> ChangedHeads::response(const lua::Message& message,
                                                                  const http::Response& original,
                                                                  http::Asked asked) {
  const auto status = value_of(message, ":status");
  Head& head = heads_.emplace_back(http::HeadReader::Kind::response);
  head.text.append("HTTP/1.1 ").append(status).append(" ");
  if (status == std::to_string(original.status)) head.text.append(original.reason);
  head.text.append("\r\n");
  write_fields(message, original.head, *original.fields, head.text);
  const auto read = http::read_response(head.reader, head.text, asked);
  if (!read || !*read || head.reader.size() != head.text.size())
    return std::unexpected("what the script made of the answer's head is not HTTP");
  http::Response made = **read;
  if (made.status != original.status && (without_body(made.status) || without_body(original.status)))
    return std::unexpected("a script cannot make an answer one without a body, or anything else of one");
  made.version_1_1 = original.version_1_1;
  made.persistent = original.persistent;
  made.body = original.body;
  return made;
}

std::expected<std::string, std::string> answer_fields(const lua::Verdict& verdict, bool connect) {
  if (connect && verdict.status < 300)
    return std::unexpected("a script cannot answer a CONNECT with success");
  std::string out;
  std::size_t count = 0;
  for (const auto& field : verdict.answer) {
    if (framing(http::known_name(field.name))) continue;
    out.append(lower_case(field.name)).append(": ").append(field.value).append("\r\n");
    if (++count > kAnswerFieldsMax || out.size() > kAnswerFieldBytesMax)
      return std::unexpected("the script's answer has too many header fields");
  }
  return out;
}

}  // namespace sluice::exchange
