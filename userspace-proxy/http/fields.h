// Header fields as places in the bytes they were read from: nothing is copied, and the bytes may move as long
// as whoever asks passes their present place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

inline constexpr std::size_t kHeadBytesMax = 60 * 1024;  // start line and fields; below what 16 bits count
inline constexpr std::size_t kFieldsMax = 100;
inline constexpr std::size_t kTargetBytesMax = 16 * 1024;
inline constexpr std::size_t kMethodBytesMax = 32;

// The names that the proxy itself cares about.
enum class Known : std::uint8_t {
  other,
  connection,
  content_length,
  expect,
  host,
  keep_alive,
  proxy_connection,
  te,
  trailer,
  transfer_encoding,
  upgrade,
};
inline constexpr std::size_t kKnownNames = static_cast<std::size_t>(Known::upgrade) + 1;
Known known_name(std::string_view name);

// One field line. Offsets count from the first byte of the head.
struct Field {
  std::uint16_t name_at = 0;
  std::uint16_t name_size = 0;
  std::uint16_t value_at = 0;
  std::uint16_t value_size = 0;  // without white space at both ends
  Known known = Known::other;

  std::string_view name(std::string_view head) const { return head.substr(name_at, name_size); }
  std::string_view value(std::string_view head) const { return head.substr(value_at, value_size); }
  // The whole line with its CRLF, `next_at` being where the next line begins.
  std::string_view line(std::string_view head, std::size_t next_at) const {
    return head.substr(name_at, next_at - name_at);
  }
};

// The fields of one head in their order. Fixed size: reading a head allocates nothing.
class FieldList {
 public:
  // False when it is full.
  bool add(const Field& field) {
    if (size_ == fields_.size()) return false;
    Named& named = named_[static_cast<std::size_t>(field.known)];
    ++named.count;
    named.last = static_cast<std::uint8_t>(size_);
    name_sizes_ |= bit_of(field.name_size);
    fields_[size_++] = field;
    return true;
  }
  void clear() {
    size_ = 0;
    named_ = {};
    name_sizes_ = 0;
  }
  std::span<const Field> all() const { return {fields_.data(), size_}; }
  std::size_t size() const { return size_; }

  // How many fields have this name, and the last of them.
  std::size_t count(Known name) const { return of(name).count; }
  const Field* find(Known name) const { return count(name) == 0 ? nullptr : &fields_[of(name).last]; }
  // By any name, without case; null when there is none. The first.
  const Field* find(std::string_view head, std::string_view name) const {
    return may_have(name) ? first_of(head, name) : nullptr;
  }
  // False: surely none of this name, by its length; most names that are looked for are not there.
  bool may_have(std::string_view name) const { return (name_sizes_ & bit_of(name.size())) != 0; }

 private:
  struct Named {
    std::uint8_t count = 0;
    std::uint8_t last = 0;  // index in fields_
  };
  const Field* first_of(std::string_view head, std::string_view name) const;
  static_assert(kFieldsMax < 256);
  static std::uint64_t bit_of(std::size_t name_size) { return std::uint64_t{1} << name_size % 64; }
  const Named& of(Known name) const { return named_[static_cast<std::size_t>(name)]; }

  std::array<Named, kKnownNames> named_{};
  std::uint64_t name_sizes_ = 0;  // a bit for each length, modulo 64
  std::array<Field, kFieldsMax> fields_;
  std::size_t size_ = 0;
};

}  // namespace sluice::http
