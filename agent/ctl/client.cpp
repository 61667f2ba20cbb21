#include "ctl/client.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "policy/document/plain_text.h"

namespace sluice::ctl {
namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr long kAnswerTimeoutMs = 120'000;  // uninstall and apply wait for the kernel and the proxy
constexpr std::size_t kAnswerBytesMax = 256u * 1024 * 1024;

using Handle = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::size_t append(char* bytes, std::size_t, std::size_t size, void* target) {
  auto& text = *static_cast<std::string*>(target);
  if (text.size() + size > kAnswerBytesMax) return 0;
  text.append(bytes, size);
  return size;
}

std::string encoded(CURL* handle, const std::string& text) {
  const std::unique_ptr<char, decltype(&::curl_free)> out(
      ::curl_easy_escape(handle, text.data(), static_cast<int>(text.size())), ::curl_free);
  return out ? std::string(out.get()) : std::string();
}

std::string url_of(CURL* handle, const Call& call) {
  std::string url = "http://sluice";
  for (const auto& segment : call.path) url += "/" + encoded(handle, segment);
  char separator = '?';
  for (const auto& [name, value] : call.query) {
    if (value.empty()) continue;
    url += separator + name + "=" + encoded(handle, value);
    separator = '&';
  }
  return url;
}

Fault unreachable(const std::string& path, long os_error, const char* detail) {
  if (os_error == EACCES || os_error == EPERM)
    return {fmt::format("no permission for the control socket {}", path),
            "run as root, or join the group `sluice`"};
  if (os_error == ENOENT || os_error == ECONNREFUSED)
    return {fmt::format("no daemon answers on {} ({})", path, std::strerror(static_cast<int>(os_error))),
            "start it (`systemctl start sluice`), or name its socket with --socket or SLUICE_SOCKET"};
  return {fmt::format("no answer on {}: {}", path, detail), "look at the daemon's log"};
}

}  // namespace

Fault Answer::fault() const {
  auto message = ctl::text(json, "error");
  if (message.empty()) message = fmt::format("the daemon answered {} without a reason", status);
  return {std::move(message), ctl::text(json, "next_step")};
}

Outcome<Answer> Client::send(const Call& call) const {
  if (const auto problem = policy::control_problem(socket_path_); !problem.empty())
    return fault("the path of the control socket holds " + problem, "name it with --socket or SLUICE_SOCKET");
  const Handle handle(::curl_easy_init(), ::curl_easy_cleanup);
  if (!handle) return fault("libcurl could not start");
  Answer answer;
  Headers headers(::curl_slist_append(nullptr, fmt::format("Content-Type: {}", call.content_type).c_str()),
                  ::curl_slist_free_all);
  char detail[CURL_ERROR_SIZE] = {};
  CURL* curl = handle.get();
  ::curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  ::curl_easy_setopt(curl, CURLOPT_URL, url_of(curl, call).c_str());
  ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PROXY, "");
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kAnswerTimeoutMs);
  ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.text);
  if (!call.body.empty() || call.method == "POST" || call.method == "PUT") {
    ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
  }
  if (::curl_easy_perform(curl) != CURLE_OK) {
    long os_error = 0;
    ::curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
    return std::unexpected(unreachable(socket_path_, os_error, detail));
  }
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  answer.json = Json::parse(answer.text, nullptr, false);
  if (answer.json.is_discarded()) answer.json = nullptr;
  return answer;
}

Outcome<Json> Client::json(const Call& call) const {
  auto answer = send(call);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->ok()) return std::unexpected(answer->fault());
  return std::move(answer->json);
}

}  // namespace sluice::ctl
