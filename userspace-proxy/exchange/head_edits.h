// What the proxy and its policy change in the heads of one exchange. Owns what http::Edits borrows.
#pragma once

#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

#include "http/edits.h"
#include "policy/table/http_image.h"

namespace sluice::exchange {

class HeadEdits {
 public:
  HeadEdits() = default;
  HeadEdits(const HeadEdits&) = delete;
  HeadEdits& operator=(const HeadEdits&) = delete;

  // Text that is borrowed must outlive the edits; text that was made is kept here.
  void set(std::string_view name, std::string_view value) {
    if (set_.empty()) set_.reserve(kUsual);
    set_.push_back({name, value});
  }
  void set_made(std::string_view name, std::string value) { set(name, keep(std::move(value))); }
  // In place of what was set by that name.
  void reset_made(std::string_view name, std::string value);
  void add(std::string_view name, std::string_view value) { add_.push_back({name, value}); }
  void add_made(std::string_view name, std::string value) { add_.push_back({name, keep(std::move(value))}); }
  void remove(std::string_view name) { remove_.push_back(name); }
  void target(std::string value) { target_ = keep(std::move(value)); }
  void authority(std::string_view value) { authority_ = value; }
  void apply(const policy::HeaderEdits& edits);
  void clear() {
    target_ = authority_ = {};
    set_.clear();
    add_.clear();
    remove_.clear();
  }

  std::string_view new_target() const { return target_; }
  http::Edits edits() const {
    return {.target = target_, .authority = authority_, .set = set_, .add = add_, .remove = remove_};
  }

 private:
  static constexpr std::size_t kUsual = 4;  // what the proxy itself sets

  std::string_view keep(std::string value) { return made_.emplace_front(std::move(value)); }

  std::string_view target_;
  std::string_view authority_;
  std::vector<http::SetField> set_;
  std::vector<http::SetField> add_;
  std::vector<std::string_view> remove_;
  std::forward_list<std::string> made_;  // never moves what it holds
};

// The path that a rewrite makes of `target` (path and query); `matched_prefix` is the prefix that the route
// asks for, empty when it asks for none.
std::string rewritten(const policy::PathRewrite& rewrite, std::string_view matched_prefix,
                      std::string_view target);
// The Location of a redirect.
std::string redirect_location(const policy::Redirect& redirect, std::string_view matched_prefix,
                              std::string_view authority, std::string_view target);
std::string request_id(std::uint64_t random_high, std::uint64_t random_low);

}  // namespace sluice::exchange
