#include "http/forward.h"

#include <algorithm>

#include "http/scan.h"

namespace sluice::http {
namespace {

bool is_set(std::span<const SetField> set, std::string_view name) {
  return std::ranges::any_of(set, [name](const SetField& s) { return equal_ignoring_case(s.name, name); });
}

struct Kept {
  bool upgrade = false;  // Upgrade and its Connection option go on: both hops switch together
  bool drop_host = false;
};

bool hop_by_hop(std::string_view head, const FieldList& fields, const Field& field, Kept kept) {
  switch (field.known) {
    case Known::connection:
    case Known::keep_alive:
    case Known::proxy_connection:
    case Known::te:
      return true;
    case Known::upgrade:
      return !kept.upgrade;
    case Known::host:
      return kept.drop_host;
    case Known::content_length:
    case Known::transfer_encoding:
    case Known::expect:
    case Known::trailer:
      return false;
    case Known::other:
      return fields.count(Known::connection) > 0 && is_nominated(head, fields, field.name(head));
  }
  return false;
}

// Runs of lines that stay are copied in one piece.
void copy_fields(std::string_view head, const FieldList& fields, Kept kept, std::span<const SetField> set,
                 std::string& out) {
  const auto all = fields.all();
  const std::size_t fields_end = head.size() - 2;  // the empty line
  std::size_t run_at = all.empty() ? fields_end : all.front().name_at;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool drop =
        hop_by_hop(head, fields, all[i], kept) || (!set.empty() && is_set(set, all[i].name(head)));
    if (!drop) continue;
    out.append(head.substr(run_at, all[i].name_at - run_at));
    run_at = i + 1 < all.size() ? all[i + 1].name_at : fields_end;
  }
  out.append(head.substr(run_at, fields_end - run_at));
}

void add_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

void write_request(const Request& request, std::span<const SetField> set, std::string& out) {
  const bool absolute = request.target.form == Target::Form::absolute;
  const std::string_view target =
      request.target.form == Target::Form::authority ? request.authority : request.target.path;
  out.reserve(out.size() + request.head.size() + 128);
  out.append(request.method).append(" ").append(target);
  out.append(request.version_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  if (absolute) add_field("host", request.authority, out);
  copy_fields(request.head, *request.fields, {.upgrade = request.upgrade, .drop_host = absolute}, set, out);
  for (const SetField& field : set) add_field(field.name, field.value, out);
  if (request.upgrade) add_field("connection", "upgrade", out);
  out.append("\r\n");
}

void write_response(const Response& response, ResponseHop hop, std::string& out) {
  out.reserve(out.size() + response.head.size() + 64);
  char status[4] = {};
  for (int i = 2, rest = response.status; i >= 0; --i, rest /= 10) status[i] = static_cast<char>('0' + rest % 10);
  out.append("HTTP/1.1 ").append(status, 3).append(" ").append(response.reason).append("\r\n");
  const bool switches = response.status == 101;
  copy_fields(response.head, *response.fields, {.upgrade = switches, .drop_host = false}, {}, out);
  if (switches) {
    add_field("connection", "upgrade", out);
  } else if (hop.close && !response.interim()) {
    add_field("connection", "close", out);
  } else if (hop.keep_alive && !response.interim()) {
    add_field("connection", "keep-alive", out);
  }
  out.append("\r\n");
}

void write_local_answer(std::uint16_t status, std::string_view text, bool head, bool close, std::string& out) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_phrase(status)).append("\r\n");
  add_field("content-type", "text/plain", out);
  add_field("content-length", std::to_string(text.size()), out);
  if (close) add_field("connection", "close", out);
  out.append("\r\n");
  if (!head) out.append(text);
}

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace sluice::http
