#include "control/http_daemon.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <microhttpd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace sluice::control {

struct HttpDaemon::Parts {
  HttpLimits limits;
  AccessOf access_of;
  Handler handler;
  Log* log = nullptr;
  MHD_Daemon* daemon = nullptr;
};

namespace {

constexpr std::size_t kThreadStackBytes = 1024 * 1024;

// One request while its body arrives; owned by libmicrohttpd's per-request pointer, freed by on_completed.
struct Pending {
  Request request;
  bool too_large = false;
  std::function<void()> afterwards;
};

MHD_Result add_query(void* context, MHD_ValueKind, const char* name, const char* value) {
  auto& query = *static_cast<std::map<std::string, std::string, std::less<>>*>(context);
  query[name == nullptr ? "" : name] = value == nullptr ? "" : value;
  return MHD_YES;
}

std::string_view header(MHD_Connection* connection, const char* name) {
  const char* value = ::MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string_view{} : value;
}

// A declared length beyond the limit; an undeclared one (chunked) is counted as it arrives.
bool declares_too_much(MHD_Connection* connection, std::size_t max_bytes) {
  const auto text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  std::uint64_t length = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), length);
  return !text.empty() && (failed != std::errc{} || length > max_bytes);
}

Response too_large(std::size_t max_bytes) {
  return error_response(413, Fault{fmt::format("the request body is larger than {} bytes", max_bytes),
                                   "split it into several requests"});
}

MHD_Result queue(MHD_Connection* connection, const Response& response) {
  MHD_Response* out = ::MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (out == nullptr) return MHD_NO;
  ::MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  ::MHD_add_response_header(out, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  if (!response.allow.empty()) ::MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, response.allow.c_str());
  const MHD_Result queued = ::MHD_queue_response(connection, response.status, out);
  ::MHD_destroy_response(out);
  return queued;
}

// The request line and headers are in; answers at once what needs no body.
MHD_Result begin(const HttpDaemon::AccessOf& access_of, const HttpLimits& limits, MHD_Connection* connection,
                 const char* url, const char* method, void** state) {
  auto pending = std::make_unique<Pending>();
  const auto* info = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  pending->request.access = info == nullptr ? Access::none : access_of(info->connect_fd);
  pending->request.method = method;
  pending->request.path = url;
  pending->request.content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
  ::MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, &pending->request.query);
  const bool stranger = pending->request.access == Access::none;
  *state = pending.release();
  if (stranger)
    return queue(connection, error_response(403, Fault{"this user may not use the control socket",
                                                       "run as root or join the group `sluice`"}));
  if (declares_too_much(connection, limits.body_bytes_max))
    return queue(connection, too_large(limits.body_bytes_max));
  return MHD_YES;
}

void collect(Pending& pending, std::string_view bytes, std::size_t max_bytes) {
  if (pending.request.body.size() + bytes.size() > max_bytes) pending.too_large = true;
  if (pending.too_large)
    pending.request.body.clear();
  else
    pending.request.body += bytes;
}

void on_completed(void*, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(*state));
  *state = nullptr;
  if (pending && pending->afterwards) pending->afterwards();
}

void on_log(void* context, const char* format, va_list arguments) {
  std::array<char, 512> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string_view text(line.data());
  while (text.ends_with('\n')) text.remove_suffix(1);
  static_cast<Log*>(context)->debug("control socket: {}", text);
}

}  // namespace

HttpDaemon::HttpDaemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Outcome<std::unique_ptr<HttpDaemon>> HttpDaemon::start(int listener, const HttpLimits& limits,
                                                       AccessOf access_of, Handler handler, Log& log) {
  auto parts =
      std::make_unique<Parts>(Parts{limits, std::move(access_of), std::move(handler), &log, nullptr});
  // libmicrohttpd closes the socket it was given.
  const int listener_copy = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);
  if (listener_copy < 0) return fault_errno("control socket listener", errno);
  const auto on_request = [](void* context, MHD_Connection* connection, const char* url, const char* method,
                             const char*, const char* bytes, std::size_t* size, void** state) -> MHD_Result {
    const auto& self = *static_cast<Parts*>(context);
    if (*state == nullptr) return begin(self.access_of, self.limits, connection, url, method, state);
    auto& pending = *static_cast<Pending*>(*state);
    if (*size != 0) {
      collect(pending, {bytes, *size}, self.limits.body_bytes_max);
      *size = 0;
      return MHD_YES;
    }
    if (pending.too_large) return queue(connection, too_large(self.limits.body_bytes_max));
    Reply reply = self.handler(pending.request);
    pending.afterwards = std::move(reply.afterwards);
    return queue(connection, reply.response);
  };
  constexpr unsigned kFlags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
                              MHD_USE_ITC | MHD_USE_ERROR_LOG;
  parts->daemon = ::MHD_start_daemon(
      kFlags, 0, nullptr, nullptr, on_request, parts.get(), MHD_OPTION_EXTERNAL_LOGGER, on_log, &log,
      MHD_OPTION_LISTEN_SOCKET, listener_copy, MHD_OPTION_CONNECTION_LIMIT, limits.connections_max,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits.connections_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT,
      limits.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits.header_bytes_max,
      MHD_OPTION_THREAD_STACK_SIZE, kThreadStackBytes, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, nullptr, MHD_OPTION_END);
  if (parts->daemon == nullptr) {
    const Fd unused(listener_copy);
    return fault("the control socket server did not start",
                 "see the log at level debug; are threads exhausted?");
  }
  return std::unique_ptr<HttpDaemon>(new HttpDaemon(std::move(parts)));
}

HttpDaemon::~HttpDaemon() {
  ::MHD_stop_daemon(parts_->daemon);
}

}  // namespace sluice::control
