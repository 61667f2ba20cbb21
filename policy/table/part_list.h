// A list of immutable parts that generations of a table share. Each part carries its encoded bytes and their
// hash, so that a new generation copies bytes instead of visiting members, and is named by hashes of parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "policy/table/word_hash.h"

namespace sluice::policy {

// part_bytes(const T&) is found beside T.
template <typename T>
struct SharedPart : T {
  SharedPart(T value, std::vector<std::byte> encoded)
      : T(std::move(value)), bytes(std::move(encoded)), hash(hash_bytes(bytes.data(), bytes.size())) {}
  explicit SharedPart(T value) : SharedPart(value, part_bytes(value)) {}

  const std::vector<std::byte> bytes;
  const std::uint64_t hash;
};

template <typename T>
class PartList {
 public:
  using Pointer = std::shared_ptr<const SharedPart<T>>;

  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = const T&;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    explicit Iterator(typename std::vector<Pointer>::const_iterator at) : at_(at) {}
    const T& operator*() const { return **at_; }
    const T* operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    typename std::vector<Pointer>::const_iterator at_;
  };

  PartList() = default;
  PartList(std::initializer_list<T> values) {
    for (const auto& value : values) push_back(value);
  }
  explicit PartList(std::vector<T> values) {
    for (auto& value : values) push_back(std::move(value));
  }

  std::size_t size() const { return parts_.size(); }
  bool empty() const { return parts_.empty(); }
  const T& operator[](std::size_t at) const { return *parts_[at]; }
  Iterator begin() const { return Iterator(parts_.begin()); }
  Iterator end() const { return Iterator(parts_.end()); }
  const std::vector<Pointer>& parts() const { return parts_; }

  void clear() { parts_.clear(); }
  void reserve(std::size_t count) { parts_.reserve(count); }
  void push_back(T value) { parts_.push_back(std::make_shared<const SharedPart<T>>(std::move(value))); }
  void push_back(Pointer part) { parts_.push_back(std::move(part)); }
  // Changes one part of this list; other lists keep theirs.
  template <typename Change>
  void edit(std::size_t at, Change change) {
    T value = *parts_[at];
    change(value);
    parts_[at] = std::make_shared<const SharedPart<T>>(std::move(value));
  }

  bool operator==(const PartList& other) const {
    return std::ranges::equal(parts_, other.parts_, [](const Pointer& a, const Pointer& b) {
      return a == b || a->bytes == b->bytes;
    });
  }

 private:
  std::vector<Pointer> parts_;
};

// Finds an earlier list's parts again while a later one is gone through from its front. What the two share is
// in the same order in both; where many parts in a row have gone, those behind may not be found.
template <typename T>
class PartSearch {
 public:
  // Borrows the list.
  explicit PartSearch(const PartList<T>& list) : parts_(list.parts()) {}

  // The first of the next parts that `same` accepts, or null; those before it are left behind.
  template <typename Same>
  const typename PartList<T>::Pointer* find(Same same) {
    const auto end = std::min(parts_.size(), next_ + kReach);
    for (auto at = next_; at < end; ++at) {
      if (!same(parts_[at])) continue;
      next_ = at + 1;
      return &parts_[at];
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kReach = 64;
  const std::vector<typename PartList<T>::Pointer>& parts_;
  std::size_t next_ = 0;
};

}  // namespace sluice::policy
