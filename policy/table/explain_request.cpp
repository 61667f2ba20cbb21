#include "policy/table/explain_request.h"

#include <algorithm>
#include <utility>

#include "policy/table/explain_http.h"
#include "policy/table/route_index.h"

namespace sluice::policy {
namespace {

class ImaginedFields final : public HeaderFields {
 public:
  explicit ImaginedFields(const std::vector<HeaderField>& headers) : headers_(headers) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    joined_.clear();
    bool found = false;
    for (const auto& field : headers_) {
      if (field.name != name) continue;
      joined_ += (found ? "," : "") + field.value;
      found = true;
    }
    return found ? std::optional<std::string_view>(joined_) : std::nullopt;
  }

 private:
  const std::vector<HeaderField>& headers_;
  mutable std::string joined_;
};

// Asks the data path's own matcher, with a list of this match and one that takes everything.
bool fulfils(RouteMatch match, const ImaginedRequest& request) {
  TableImage image;
  image.http_outbounds.emplace_back();
  image.http_outbounds[0].routes.resize(2);
  image.http_outbounds[0].routes[0].match = std::move(match);
  const auto regexes = Regexes::of(image);
  if (!regexes) return false;
  const HttpRoutes routes(image.http_outbounds[0], *regexes);
  return routes.position(request.method, request.target, ImaginedFields(request.headers)) == 0;
}

std::string wanted(const PathMatch& path) {
  switch (path.kind) {
    case PathMatch::Kind::any:
      return "any";
    case PathMatch::Kind::exact:
      return path.value;
    case PathMatch::Kind::prefix:
      return path.value + " or below it";
    case PathMatch::Kind::regex:
      return "like " + path.value;
  }
  return {};
}

std::string wanted(const TextMatch& match) {
  switch (match.kind) {
    case TextMatch::Kind::exact:
      return "is not " + match.value;
    case TextMatch::Kind::prefix:
      return "does not start with " + match.value;
    case TextMatch::Kind::regex:
      return "is not like " + match.value;
    case TextMatch::Kind::present:
      return "is not there";
    case TextMatch::Kind::absent:
      return "is there";
  }
  return {};
}

std::string summary_of(const Table& table, const RouteImage& taken, std::string_view own) {
  if (taken.redirect.status != 0)
    return "is answered by a redirect with status " + std::to_string(taken.redirect.status);
  if (taken.backends.empty()) return "goes to " + std::string(own);
  std::string out;
  for (const auto& backend : taken.backends) {
    out += out.empty() ? "goes to " : ", ";
    out += backend.service == kNone ? "nothing (500)" : table.image().services[backend.service].name;
    if (taken.backends.size() > 1) out += " (weight " + std::to_string(backend.weight) + ")";
  }
  return out;
}

// The deciding route is kept even when the list is full.
void consider(const Table& table, std::span<const RouteImage> routes, std::uint32_t taken,
              const ImaginedRequest& request, RequestExplanation& out) {
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    if (i != taken && out.rules.size() >= kMaxConsidered) continue;
    auto missing = i == taken ? std::string() : missing_of(routes[i].match, request);
    const bool matched = missing.empty();
    if (out.rules.size() >= kMaxConsidered) out.rules.pop_back();
    out.rules.push_back(
        {table.rule(routes[i].rule), describe(table, routes[i]), matched, i == taken, std::move(missing)});
  }
}

}  // namespace

std::string missing_of(const RouteMatch& match, const ImaginedRequest& request) {
  if (!fulfils({.path = match.path, .method = {}, .headers = {}, .query = {}}, request))
    return "the path " + request.target + " is not " + wanted(match.path);
  if (!fulfils({.path = {}, .method = match.method, .headers = {}, .query = {}}, request))
    return "the method " + request.method + " is not " + match.method;
  for (const auto& one : match.headers) {
    if (!fulfils({.path = {}, .method = {}, .headers = {one}, .query = {}}, request))
      return "header " + one.name + " " + wanted(one);
  }
  for (const auto& one : match.query) {
    if (!fulfils({.path = {}, .method = {}, .headers = {}, .query = {one}}, request))
      return "parameter " + one.name + " " + wanted(one);
  }
  return {};
}

std::optional<RequestExplanation> explain_request(const Table& table, const OutboundRoute& route,
                                                  const ImaginedRequest& request) {
  const auto* http = route.http();
  if (http == nullptr) return std::nullopt;
  const auto position = http->position(request.method, request.target, ImaginedFields(request.headers));
  const auto& taken = http->all()[position];
  RequestExplanation out;
  out.summary = summary_of(table, taken, route.service());
  out.route = table.rule(taken.rule);
  out.redirect = taken.redirect.status;
  out.request_timeout = taken.timeouts.request;
  if (const auto* retry = http->retry(taken)) out.retries = retry->retries;
  if (taken.redirect.status == 0) {
    for (const auto& backend : taken.backends) out.services.push_back(backend.service);
    if (taken.backends.empty()) out.services.push_back(route.service_index());
  }
  consider(table, http->all(), position, request, out);
  return out;
}

}  // namespace sluice::policy
