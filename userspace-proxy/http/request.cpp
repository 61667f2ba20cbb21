#include "http/request.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

// "HTTP/1.1" -> true, "HTTP/1.0" -> false. A well-formed other version is told apart from nonsense.
Parsed<bool> read_version(std::string_view text) {
  if (text == "HTTP/1.1") return true;
  if (text == "HTTP/1.0") return false;
  const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.' &&
                           text[5] >= '0' && text[5] <= '9' && text[7] >= '0' && text[7] <= '9';
  return std::unexpected(well_formed ? Refusal::version : Refusal::start_line);
}

Parsed<void> read_start(std::string_view line, Request& request) {
  const std::size_t method_end = find_non_token(line);
  if (method_end == line.size()) return std::unexpected(Refusal::start_line);
  if (method_end == 0 || method_end > kMethodBytesMax || line[method_end] != ' ')
    return std::unexpected(Refusal::method);
  request.method = line.substr(0, method_end);
  const std::string_view rest = line.substr(method_end + 1);
  const std::size_t target_end = rest.find(' ');
  if (target_end == std::string_view::npos) {
    // A target that is too long may have pushed the version out of what was read; say which.
    return std::unexpected(rest.size() > kTargetBytesMax ? Refusal::target_too_long : Refusal::start_line);
  }
  const auto version = read_version(rest.substr(target_end + 1));
  if (!version) return std::unexpected(version.error());
  request.version_1_1 = *version;
  const auto target = read_target(request.method, rest.substr(0, target_end));
  if (!target) return std::unexpected(target.error());
  request.target = *target;
  return {};
}

Parsed<void> read_host(Request& request) {
  const FieldList& fields = *request.fields;
  const std::size_t hosts = fields.count(Known::host);
  if (hosts > 1) return std::unexpected(Refusal::host_repeated);
  if (hosts == 0 && request.version_1_1) return std::unexpected(Refusal::host_missing);
  request.authority = request.target.authority;
  if (hosts == 0) return {};
  const std::string_view host = fields.find(Known::host)->value(request.head);
  // RFC 9112 3.2: empty when the target has no authority; nothing could be routed by it.
  if (!is_authority(host, false)) return std::unexpected(Refusal::host_invalid);
  if (request.authority.empty()) request.authority = host;
  return {};
}

// Another protocol may be asked for, except HTTP/2: its requests would pass unread, and so unjudged. A
// request with a body is answered as it is.
bool may_switch(const Request& request) {
  bool named = false;
  for (const Field& field : request.fields->all()) {
    if (field.known != Known::upgrade) continue;
    std::string_view list = field.value(request.head);
    while (!list.empty()) {
      const std::string_view protocol = next_element(list);
      if (equal_ignoring_case(protocol.substr(0, 3), "h2c") ||
          equal_ignoring_case(protocol.substr(0, 5), "http/"))
        return false;
      named |= !protocol.empty();
    }
  }
  return named && request.version_1_1 && request.body == BodyLength{};
}

Parsed<void> read_expectation(Request& request) {
  if (request.fields->count(Known::expect) == 0) return {};
  for (const Field& field : request.fields->all()) {
    if (field.known != Known::expect) continue;
    if (!equal_ignoring_case(field.value(request.head), "100-continue"))
      return std::unexpected(Refusal::expectation_unknown);
    request.expects_continue = request.version_1_1;
  }
  return {};
}

}  // namespace

Parsed<std::optional<Request>> read_request(HeadReader& reader, std::string_view bytes) {
  const auto progress = reader.read(bytes);
  if (!progress) return std::unexpected(progress.error());
  if (*progress == Progress::need_more) return std::nullopt;
  Request request;
  request.head = bytes.substr(0, reader.size());
  request.fields = &reader.fields();
  if (const auto start = read_start(reader.start_line(bytes), request); !start)
    return std::unexpected(start.error());
  if (const auto host = read_host(request); !host) return std::unexpected(host.error());
  const auto options = connection_options(request.head, *request.fields);
  if (!options) return std::unexpected(options.error());
  const auto length = declared_length(request.head, *request.fields, request.version_1_1);
  if (!length) return std::unexpected(length.error());
  if (const auto expected = read_expectation(request); !expected) return std::unexpected(expected.error());
  if (request.is_connect() && *length != BodyLength{}) return std::unexpected(Refusal::body_not_allowed);
  request.body = *length;
  request.persistent = !options->close && (request.version_1_1 || options->keep_alive);
  request.upgrade = options->upgrade && may_switch(request);
  return request;
}

}  // namespace sluice::http
