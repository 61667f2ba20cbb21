// Typed views of BPF maps. A Map owns its descriptor; keys and values are the structs of bpf/include/abi.h.
// Every call is one system call (dump: one per entry), errors name the map.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::kernel {

// The untyped half; sizes are the caller's duty.
class RawMap {
 public:
  RawMap() = default;
  RawMap(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  const std::string& name() const { return name_; }
  int fd() const { return fd_.get(); }
  Outcome<> update(const void* key, const void* value) const;
  // False when there is no such key.
  Outcome<bool> lookup(const void* key, void* value) const;
  // Deleting what is not there is no error.
  Outcome<> remove(const void* key) const;
  // Calls `visit(key)` for each key, at most `limit` times. Entries that change meanwhile may be seen or not.
  Outcome<> each_key(std::size_t key_size, std::size_t limit,
                     const std::function<void(const void*)>& visit) const;

 private:
  std::string name_;
  Fd fd_;
};

template <typename Key, typename Value>
  requires(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>)
class Map {
 public:
  using Entry = std::pair<Key, Value>;

  Map() = default;
  explicit Map(RawMap raw) : raw_(std::move(raw)) {}

  int fd() const { return raw_.fd(); }
  Outcome<> set(const Key& key, const Value& value) const { return raw_.update(&key, &value); }
  Outcome<> erase(const Key& key) const { return raw_.remove(&key); }

  Outcome<std::optional<Value>> get(const Key& key) const {
    Value value{};
    const auto found = raw_.lookup(&key, &value);
    if (!found) return std::unexpected(found.error());
    return *found ? std::optional<Value>(value) : std::nullopt;
  }

  // What the kernel really holds, for a reconcile that compares it with what is wanted. At most `limit`
  // entries.
  Outcome<std::vector<Entry>> dump(std::size_t limit) const {
    std::vector<Key> keys;
    const auto done = raw_.each_key(sizeof(Key), limit,
                                    [&](const void* key) { keys.push_back(*static_cast<const Key*>(key)); });
    if (!done) return std::unexpected(done.error());
    std::vector<Entry> entries;
    for (const Key& key : keys) {
      const auto value = get(key);
      if (!value) return std::unexpected(value.error());
      if (*value) entries.emplace_back(key, **value);
    }
    return entries;
  }

 private:
  RawMap raw_;
};

}  // namespace sluice::kernel
