#include "http/response.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

Parsed<std::uint16_t> read_status(std::string_view text) {
  std::uint16_t status = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::unexpected(Refusal::status_code);
    status = static_cast<std::uint16_t>(status * 10 + (c - '0'));
  }
  if (status < 100 || status > 599) return std::unexpected(Refusal::status_code);
  return status;
}

// HTTP/1.x SP 3DIGIT SP reason. Servers that leave out an empty reason leave out its space too: that much is
// read as it is meant, for it changes no boundary.
Parsed<void> read_start(std::string_view line, Response& response) {
  constexpr std::size_t kVersion = 8;
  if (line.size() < kVersion + 4 || line[kVersion] != ' ' || !line.starts_with("HTTP/"))
    return std::unexpected(Refusal::start_line);
  const std::string_view version = line.substr(0, kVersion);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::unexpected(Refusal::version);
  response.version_1_1 = version == "HTTP/1.1";
  const auto status = read_status(line.substr(kVersion + 1, 3));
  if (!status) return std::unexpected(status.error());
  response.status = *status;
  if (line.size() > kVersion + 4) {
    if (line[kVersion + 4] != ' ') return std::unexpected(Refusal::status_code);
    response.reason = line.substr(kVersion + 5);
  }
  return {};
}

// What speaks another protocol may wait for us to speak: it is not waited for.
bool may_begin_response(std::string_view bytes) {
  constexpr std::string_view kProtocol = "HTTP/";
  return kProtocol.starts_with(bytes.substr(0, kProtocol.size()));
}

// RFC 9112 6.3, in its order.
Parsed<BodyLength> body_of(const Response& response, const BodyLength& declared, Asked asked) {
  const int status = response.status;
  const bool says_body = declared.kind == BodyLength::Kind::chunked || declared.bytes != 0;
  if (status < 200 || status == 204) {
    if (says_body) return std::unexpected(Refusal::body_not_allowed);
    if (status == 101 && !asked.upgrade) return std::unexpected(Refusal::switch_not_asked);
    return BodyLength{.kind = status == 101 ? BodyLength::Kind::tunnel : BodyLength::Kind::none};
  }
  if (asked.head || status == 304) return BodyLength{};
  if (asked.connect && status < 300) {
    if (says_body) return std::unexpected(Refusal::body_not_allowed);
    return BodyLength{.kind = BodyLength::Kind::tunnel};
  }
  const bool undeclared = declared.kind == BodyLength::Kind::none;
  return undeclared ? BodyLength{.kind = BodyLength::Kind::until_close} : declared;
}

}  // namespace

Parsed<std::optional<Response>> read_response(HeadReader& reader, std::string_view bytes, Asked asked) {
  const auto progress = reader.read(bytes);
  if (!progress) return std::unexpected(progress.error());
  if (*progress == Progress::need_more) {
    if (!may_begin_response(bytes)) return std::unexpected(Refusal::start_line);
    return std::nullopt;
  }
  Response response;
  response.head = bytes.substr(0, reader.size());
  response.fields = &reader.fields();
  if (const auto start = read_start(reader.start_line(bytes), response); !start)
    return std::unexpected(start.error());
  const auto options = connection_options(response.head, *response.fields);
  if (!options) return std::unexpected(options.error());
  const auto declared = declared_length(response.head, *response.fields, response.version_1_1);
  if (!declared) return std::unexpected(declared.error());
  const auto body = body_of(response, *declared, asked);
  if (!body) return std::unexpected(body.error());
  response.body = *body;
  const bool ends_by_close =
      body->kind == BodyLength::Kind::until_close || body->kind == BodyLength::Kind::tunnel;
  response.persistent = !ends_by_close && !options->close && (response.version_1_1 || options->keep_alive);
  return response;
}

}  // namespace sluice::http
