#include "ctl/policy/fetch.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <memory>

namespace sluice::ctl {
namespace {

constexpr long kConnectTimeoutMs = 5'000;
constexpr long kAnswerTimeoutMs = 60'000;
constexpr int kDepthMax = 100;
constexpr std::size_t kAnswerBytesMax = std::size_t{64} << 20;

std::size_t append(char* bytes, std::size_t, std::size_t size, void* target) {
  auto& text = *static_cast<std::string*>(target);
  if (text.size() + size > kAnswerBytesMax) return 0;
  text.append(bytes, size);
  return size;
}

std::unexpected<Fault> unreachable(const std::string& url, const char* detail) {
  return fault(fmt::format("no answer from {}: {}", url, detail),
               "name the control plane's API, such as http://localhost:5681");
}

}  // namespace

Outcome<Json> fetch_json(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> handle(::curl_easy_init(), ::curl_easy_cleanup);
  if (!handle) return fault("libcurl could not start");
  std::string text;
  char detail[CURL_ERROR_SIZE] = {};
  CURL* curl = handle.get();
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kAnswerTimeoutMs);
  ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
  const auto done = ::curl_easy_perform(curl);
  if (done != CURLE_OK) return unreachable(url, detail[0] != '\0' ? detail : ::curl_easy_strerror(done));
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return unreachable(url, fmt::format("it answered {}", status).c_str());
  // Values nested deeper than any answer are left out, for what follows recurses.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kDepthMax; };
  auto json = Json::parse(text, shallow, false);
  if (json.is_discarded()) return unreachable(url, "what it answered is no JSON");
  return json;
}

}  // namespace sluice::ctl
