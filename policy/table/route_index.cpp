#include "policy/table/route_index.h"

#include <algorithm>

namespace sluice::policy {
namespace {

// The value of the first parameter with this name.
std::optional<std::string_view> find_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == name) return pair.substr(std::min(equals + 1, pair.size()));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

}  // namespace

FieldConditions::FieldConditions(const std::vector<TextMatch>& matches, const Regexes& regexes) {
  for (const auto& match : matches) {
    conditions_.push_back(
        {&match, match.kind == TextMatch::Kind::regex ? regexes.find(match.value) : nullptr});
  }
}

bool FieldConditions::holds(const Condition& condition, std::optional<std::string_view> value) {
  switch (condition.match->kind) {
    case TextMatch::Kind::exact:
      return value && *value == condition.match->value;
    case TextMatch::Kind::prefix:
      return value && value->starts_with(condition.match->value);
    case TextMatch::Kind::regex:
      return value && condition.regex->matches(*value);
    case TextMatch::Kind::present:
      return value.has_value();
    case TextMatch::Kind::absent:
      return !value;
  }
  return false;
}

bool FieldConditions::all_hold(const HeaderFields& fields) const {
  return std::ranges::all_of(conditions_, [&](const Condition& condition) {
    return holds(condition, fields.find(condition.match->name));
  });
}

bool FieldConditions::any_holds(const HeaderFields& fields) const {
  return std::ranges::any_of(conditions_, [&](const Condition& condition) {
    return holds(condition, fields.find(condition.match->name));
  });
}

bool FieldConditions::all_hold_in_query(std::string_view query) const {
  return std::ranges::all_of(conditions_, [&](const Condition& condition) {
    return holds(condition, find_parameter(query, condition.match->name));
  });
}

HttpRoutes::HttpRoutes(const HttpOutboundImage& image, const Regexes& regexes) : image_(&image) {
  for (const auto& retry : image.retries) {
    retries_.push_back({{retry.response_headers, regexes}, {retry.request_headers, regexes}});
  }
  for (std::uint32_t position = 0; position < image.routes.size(); ++position) {
    const auto& match = image.routes[position].match;
    conditions_.push_back({match.method, {match.headers, regexes}, {match.query, regexes}});
    const auto& path = match.path.value;
    switch (match.path.kind) {
      case PathMatch::Kind::any:
        any_.push_back(position);
        break;
      case PathMatch::Kind::exact:
        exact_[path].push_back(position);
        break;
      case PathMatch::Kind::regex:
        add_regex(regexes.find(path), position);
        break;
      case PathMatch::Kind::prefix:
        if (path == "/") {
          root_.push_back(position);
          break;
        }
        prefixes_[path].push_back(position);
        if (lengths_.size() <= path.size()) lengths_.resize(path.size() + 1);
        lengths_[path.size()] = true;
        break;
    }
  }
}

bool HttpRoutes::holds(std::uint32_t position, const Request& request) const {
  const auto& conditions = conditions_[position];
  return (conditions.method.empty() || conditions.method == request.method) &&
         (conditions.fields.empty() || conditions.fields.all_hold(request.fields)) &&
         (conditions.query.empty() || conditions.query.all_hold_in_query(request.query));
}

void HttpRoutes::try_all(const Positions& positions, const Request& request, std::uint32_t& best) const {
  for (const auto position : positions) {
    if (position >= best) return;
    if (!holds(position, request)) continue;
    best = position;
    return;
  }
}

void HttpRoutes::try_prefix(std::string_view prefix, const Request& request, std::uint32_t& best) const {
  if (prefix.size() >= lengths_.size() || !lengths_[prefix.size()]) return;
  if (const auto found = prefixes_.find(prefix); found != prefixes_.end())
    try_all(found->second, request, best);
}

// "/a" speaks of "/a" and of what continues it after a '/'. Longest first: its route usually comes first.
void HttpRoutes::try_prefixes(const Request& request, std::uint32_t& best) const {
  const auto path = request.path;
  try_prefix(path, request, best);
  auto end = std::min(path.size(), lengths_.size());
  for (; end > 0; --end) {
    if (end < path.size() && path[end] == '/') try_prefix(path.substr(0, end), request, best);
  }
  if (path.starts_with('/')) try_all(root_, request, best);
}

void HttpRoutes::add_regex(const Regex* regex, std::uint32_t position) {
  const auto prefix = regex->prefix();
  regexes_[prefix].push_back({regex, position});
  const auto place = std::ranges::lower_bound(regex_lengths_, prefix.size());
  if (place == regex_lengths_.end() || *place != prefix.size()) regex_lengths_.insert(place, prefix.size());
}

void HttpRoutes::try_all(const std::vector<PathRegex>& list, const Request& request,
                         std::uint32_t& best) const {
  for (const auto& [regex, position] : list) {
    if (position >= best) return;
    // The cheap conditions first.
    if (!holds(position, request) || !regex->matches(request.path)) continue;
    best = position;
    return;
  }
}

void HttpRoutes::try_regexes(const Request& request, std::uint32_t& best) const {
  for (const auto length : regex_lengths_) {
    if (length > request.path.size()) return;
    if (const auto found = regexes_.find(request.path.substr(0, length)); found != regexes_.end())
      try_all(found->second, request, best);
  }
}

std::uint32_t HttpRoutes::position(std::string_view method, std::string_view target,
                                   const HeaderFields& fields) const {
  target = target.substr(0, target.find('#'));
  const auto mark = std::min(target.find('?'), target.size());
  const Request request{method, target.substr(0, mark), target.substr(std::min(mark + 1, target.size())),
                        fields};
  auto best = static_cast<std::uint32_t>(image_->routes.size());
  if (const auto found = exact_.find(request.path); found != exact_.end())
    try_all(found->second, request, best);
  try_prefixes(request, best);
  try_all(any_, request, best);
  try_regexes(request, best);
  // The image's last route takes every request; table_check.cpp.
  return std::min(best, static_cast<std::uint32_t>(image_->routes.size() - 1));
}

}  // namespace sluice::policy
