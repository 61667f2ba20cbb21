#include "http/forward.h"

#include <algorithm>

#include "http/scan.h"

namespace sluice::http {
namespace {

bool names(std::span<const SetField> list, std::string_view name) {
  return std::ranges::any_of(list, [name](const SetField& s) { return equal_ignoring_case(s.name, name); });
}

// Some field may be.
bool may_replace(const Edits& edits, const FieldList& fields) {
  return std::ranges::any_of(edits.set, [&](const SetField& s) { return fields.may_have(s.name); }) ||
         std::ranges::any_of(edits.remove, [&](std::string_view name) { return fields.may_have(name); });
}

bool replaced(const Edits& edits, std::string_view name) {
  const auto same = [name](std::string_view removed) { return equal_ignoring_case(removed, name); };
  return names(edits.set, name) || std::ranges::any_of(edits.remove, same);
}

// What says where the message ends, and what belongs to the hop, is the proxy's own to write.
bool editable(Known known) {
  return known == Known::other || known == Known::expect || known == Known::trailer;
}

struct Kept {
  bool upgrade = false;  // Upgrade and its Connection option go on: both hops switch together
  bool drop_host = false;
  bool drop_coding = false;
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
    case Known::transfer_encoding:
      return kept.drop_coding;
    case Known::content_length:
    case Known::expect:
    case Known::trailer:
      return false;
    case Known::other:
      return is_nominated(head, fields, field.name(head));
  }
  return false;
}

// Runs of lines that stay are copied in one piece.
void copy_fields(std::string_view head, const FieldList& fields, Kept kept, const Edits& edits,
                 std::string& out) {
  const auto all = fields.all();
  const bool edited = may_replace(edits, fields);
  const std::size_t fields_end = head.size() - 2;  // the empty line
  std::size_t run_at = all.empty() ? fields_end : all.front().name_at;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool drop = hop_by_hop(head, fields, all[i], kept) ||
                      (edited && editable(all[i].known) && replaced(edits, all[i].name(head)));
    if (!drop) continue;
    out.append(head.substr(run_at, all[i].name_at - run_at));
    run_at = i + 1 < all.size() ? all[i + 1].name_at : fields_end;
  }
  out.append(head.substr(run_at, fields_end - run_at));
}

void add_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void add_edits(const Edits& edits, std::string& out) {
  for (const auto fields : {edits.set, edits.add}) {
    for (const SetField& field : fields) {
      if (editable(known_name(field.name))) add_field(field.name, field.value, out);
    }
  }
}

}  // namespace

void write_request(const Request& request, const Edits& edits, std::string& out) {
  const bool absolute = request.target.form == Target::Form::absolute;
  const bool new_host = absolute || !edits.authority.empty();
  std::string_view target =
      request.target.form == Target::Form::authority ? request.authority : request.target.path;
  if (!edits.target.empty()) target = edits.target;
  out.reserve(out.size() + request.head.size() + 128);
  out.append(request.method).append(" ").append(target);
  out.append(request.version_1_1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  if (new_host) add_field("host", edits.authority.empty() ? request.authority : edits.authority, out);
  copy_fields(request.head, *request.fields, {.upgrade = request.upgrade, .drop_host = new_host}, edits, out);
  add_edits(edits, out);
  if (request.upgrade) add_field("connection", "upgrade", out);
  out.append("\r\n");
}

void write_response(const Response& response, const Edits& edits, ResponseHop hop, std::string& out) {
  out.reserve(out.size() + response.head.size() + 64);
  char status[4] = {};
  for (int i = 2, rest = response.status; i >= 0; --i, rest /= 10)
    status[i] = static_cast<char>('0' + rest % 10);
  out.append("HTTP/1.1 ").append(status, 3).append(" ").append(response.reason).append("\r\n");
  const bool switches = response.status == 101;
  const Kept kept{.upgrade = switches, .drop_coding = hop.coding == ResponseHop::Coding::end_chunks};
  copy_fields(response.head, *response.fields, kept, edits, out);
  add_edits(edits, out);
  if (hop.coding == ResponseHop::Coding::begin_chunks) add_field("transfer-encoding", "chunked", out);
  if (switches) {
    add_field("connection", "upgrade", out);
  } else if (hop.close && !response.interim()) {
    add_field("connection", "close", out);
  } else if (hop.keep_alive && !response.interim()) {
    add_field("connection", "keep-alive", out);
  }
  out.append("\r\n");
}

void write_local_answer(std::uint16_t status, std::string_view text, bool head, bool close,
                        std::string& out) {
  out.append("HTTP/1.1 ")
      .append(std::to_string(status))
      .append(" ")
      .append(reason_phrase(status))
      .append("\r\n");
  add_field("content-type", "text/plain", out);
  add_field("content-length", std::to_string(text.size()), out);
  if (close) add_field("connection", "close", out);
  out.append("\r\n");
  if (!head) out.append(text);
}

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace sluice::http
