// Hash tables that are filled once and then only read: one block of memory, linear probing, at most half
// full, so that a lookup touches one or two cache lines. Pointers into one are good until the next insertion.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/table/word_hash.h"

namespace sluice::policy {

struct TextHash {
  std::uint64_t operator()(std::string_view text) const noexcept {
    WordHash hash;
    hash.add_bytes(text.data(), text.size());
    return hash.value();
  }
};

template <typename Key, typename Value, typename Hash>
class FlatMap {
 public:
  void reserve(std::size_t count) { grow(std::bit_ceil(count * 2 + 1)); }

  // The value under key, made from `value` when there is none yet.
  Value& insert(const Key& key, Value value) {
    if ((count_ + 1) * 2 > slots_.size()) grow(slots_.empty() ? 8 : slots_.size() * 2);
    auto& slot = slots_[place(key)];
    if (slot.used) return slot.value;
    ++count_;
    slot = {key, std::move(value), true};
    return slot.value;
  }
  const Value* find(const Key& key) const {
    if (count_ == 0) return nullptr;
    const auto& slot = slots_[place(key)];
    return slot.used ? &slot.value : nullptr;
  }
  Value* find(const Key& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  // Where the key is, or the free slot where it belongs.
  std::size_t place(const Key& key) const {
    const auto mask = slots_.size() - 1;
    auto at = Hash{}(key)&mask;
    while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & mask;
    return at;
  }
  void grow(std::size_t size) {
    if (size <= slots_.size()) return;
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (auto& slot : old)
      if (slot.used) slots_[place(slot.key)] = std::move(slot);
  }

  std::vector<Slot> slots_;  // a power of two of them
  std::size_t count_ = 0;
};

// Numbers by key, several to a key, in the order in which they came.
template <typename Key, typename Hash>
class FlatLists {
 public:
  static constexpr std::uint32_t kEnd = UINT32_MAX;
  struct Link {
    std::uint32_t number = 0;
    std::uint32_t next = kEnd;
  };

  void reserve(std::size_t count) {
    ends_.reserve(count);
    links_.reserve(count);
  }
  void add(const Key& key, std::uint32_t number) {
    const auto at = static_cast<std::uint32_t>(links_.size());
    auto& ends = ends_.insert(key, {at, at});
    if (ends.second != at) links_[ends.second].next = at;
    ends.second = at;
    links_.push_back({number, kEnd});
  }
  // The key's first link, or null; next() follows.
  const Link* find(const Key& key) const {
    const auto* ends = ends_.find(key);
    return ends == nullptr ? nullptr : &links_[ends->first];
  }
  const Link* next(const Link& link) const { return link.next == kEnd ? nullptr : &links_[link.next]; }

 private:
  FlatMap<Key, std::pair<std::uint32_t, std::uint32_t>, Hash> ends_;  // first and last link
  std::vector<Link> links_;
};

}  // namespace sluice::policy
