// What the proxy and its policy change in the heads of one exchange. Owns what http::Edits borrows.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <forward_list>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/edits.h"
#include "policy/table/http_image.h"

namespace sluice::exchange {

// A few elements in place; more of them move to the heap.
template <typename T, std::size_t kInPlace>
class ShortList {
 public:
  void push_back(T element) {
    if (size_ < kInPlace) {
      few_[size_++] = element;
      return;
    }
    if (size_ == kInPlace) more_.assign(few_.begin(), few_.end());
    more_.push_back(element);
    ++size_;
  }
  std::span<const T> all() const {
    return size_ <= kInPlace ? std::span(few_).first(size_) : std::span<const T>(more_);
  }
  void clear() {
    more_.clear();
    size_ = 0;
  }

 private:
  std::array<T, kInPlace> few_{};
  std::vector<T> more_;
  std::size_t size_ = 0;
};

class HeadEdits {
 public:
  HeadEdits() = default;
  HeadEdits(const HeadEdits&) = delete;
  HeadEdits& operator=(const HeadEdits&) = delete;

  // Text that is borrowed must outlive the edits; text that was made is kept here.
  void set(std::string_view name, std::string_view value) { set_.push_back({name, value}); }
  // The parts, one behind the other.
  void set_made(std::string_view name, std::initializer_list<std::string_view> value) {
    set(name, keep(value));
  }
  // In place of what was set by that name.
  void reset_made(std::string_view name, std::string_view value);
  void add(std::string_view name, std::string_view value) { add_.push_back({name, value}); }
  void add_made(std::string_view name, std::string_view value) { add_.push_back({name, keep({value})}); }
  void remove(std::string_view name) { remove_.push_back(name); }
  void target(std::string_view value) { target_ = keep({value}); }
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
    return {.target = target_,
            .authority = authority_,
            .set = set_.all(),
            .add = add_.all(),
            .remove = remove_.all()};
  }

 private:
  static constexpr std::size_t kUsualSet = 6;     // what the proxy itself sets, and two more
  static constexpr std::size_t kUsualText = 256;  // of what it sets

  std::string_view keep(std::initializer_list<std::string_view> parts);

  std::string_view target_;
  std::string_view authority_;
  ShortList<http::SetField, kUsualSet> set_;
  ShortList<http::SetField, 1> add_;
  ShortList<std::string_view, 2> remove_;
  // What was made; neither moves what it holds.
  std::array<char, kUsualText> text_;
  std::size_t text_used_ = 0;
  std::forward_list<std::string> long_texts_;
};

// The path that a rewrite makes of `target` (path and query); `matched_prefix` is the prefix that the route
// asks for, empty when it asks for none.
std::string rewritten(const policy::PathRewrite& rewrite, std::string_view matched_prefix,
                      std::string_view target);
// The Location of a redirect.
std::string redirect_location(const policy::Redirect& redirect, std::string_view matched_prefix,
                              std::string_view authority, std::string_view target);
std::array<char, 36> request_id(std::uint64_t random_high, std::uint64_t random_low);

}  // namespace sluice::exchange
