// HttpRoutes: the routes of one HttpOutboundImage, made ready so that the first one that matches a request is
// found without trying them all, and its conditions without compiling anything. Nothing allocates here except
// RE2's own caches, which are bounded. Borrows the image and the expressions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/table/http_image.h"
#include "policy/table/regexes.h"

namespace sluice::policy {

// How a match reads the header fields of a request or response.
class HeaderFields {
 public:
  // The field's value, those of several fields of this name joined by ","; nothing when there is none. `name`
  // is lower case. The value stays as it is until the next call.
  virtual std::optional<std::string_view> find(std::string_view name) const = 0;

 protected:
  ~HeaderFields() = default;
};

// Conditions on header fields, ready to be tried.
class FieldConditions {
 public:
  FieldConditions(const std::vector<TextMatch>& matches, const Regexes& regexes);
  bool empty() const { return conditions_.empty(); }
  bool all_hold(const HeaderFields& fields) const;
  bool any_holds(const HeaderFields& fields) const;
  // On the query string (without '?'), as it was sent; the first parameter of a name counts.
  bool all_hold_in_query(std::string_view query) const;

 private:
  struct Condition {
    const TextMatch* match;
    const Regex* regex;
  };
  static bool holds(const Condition& condition, std::optional<std::string_view> value);
  std::vector<Condition> conditions_;
};

// A RetryImage's conditions on headers.
struct RetryConditions {
  FieldConditions response;
  FieldConditions request;
};

class HttpRoutes {
 public:
  HttpRoutes(const HttpOutboundImage& image, const Regexes& regexes);

  // The route for a request. `target` is the path with its query, or whatever else the request line had.
  const RouteImage& match(std::string_view method, std::string_view target,
                          const HeaderFields& fields) const {
    return image_->routes[position(method, target, fields)];
  }
  // Its place in the list, the same as long as the table lives.
  std::uint32_t position(std::string_view method, std::string_view target, const HeaderFields& fields) const;
  std::span<const RouteImage> all() const { return image_->routes; }
  // Scripts that see each request before its route is chosen.
  std::span<const LuaFilter> lua() const { return image_->lua; }

  // Null when the route does not retry.
  const RetryImage* retry(const RouteImage& route) const {
    return route.retry == kNone ? nullptr : &image_->retries[route.retry];
  }
  // Precondition: route.retry != kNone.
  const RetryConditions& retry_conditions(const RouteImage& route) const { return retries_[route.retry]; }

 private:
  struct Conditions {
    std::string_view method;  // empty: any
    FieldConditions fields;
    FieldConditions query;
  };
  struct PathRegex {
    const Regex* regex;
    std::uint32_t position;
  };
  using Positions = std::vector<std::uint32_t>;  // ascending
  struct Request {
    std::string_view method;
    std::string_view path;
    std::string_view query;
    const HeaderFields& fields;
  };

  void try_all(const Positions& positions, const Request& request, std::uint32_t& best) const;
  void try_prefixes(const Request& request, std::uint32_t& best) const;
  void try_prefix(std::string_view prefix, const Request& request, std::uint32_t& best) const;
  void try_regexes(const Request& request, std::uint32_t& best) const;
  void try_all(const std::vector<PathRegex>& list, const Request& request, std::uint32_t& best) const;
  void add_regex(const Regex* regex, std::uint32_t position);
  bool holds(std::uint32_t position, const Request& request) const;

  const HttpOutboundImage* image_;
  std::vector<Conditions> conditions_;  // one per route
  std::vector<RetryConditions> retries_;
  std::unordered_map<std::string_view, Positions> exact_;
  std::unordered_map<std::string_view, Positions> prefixes_;              // without "/"
  std::vector<bool> lengths_;                                             // of the prefixes there are
  std::unordered_map<std::string_view, std::vector<PathRegex>> regexes_;  // by what they start with
  std::vector<std::size_t> regex_lengths_;                                // of these, ascending
  Positions root_;                                                        // prefix "/"
  Positions any_;
};

}  // namespace sluice::policy
