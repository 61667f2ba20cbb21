// Bounded binary writer and reader for everything that crosses a process boundary (tables, messages). Little
// endian, lengths in front. The reader never reads past its input: after the first violation it stays failed
// and yields zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sluice {

class ByteWriter {
 public:
  void reserve(std::size_t size) { out_.reserve(size); }
  template <typename T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void number(T value) {
    raw(std::as_bytes(std::span(&value, 1)));
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    raw(std::as_bytes(std::span(value)));
  }
  void raw(std::span<const std::byte> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  const std::vector<std::byte>& bytes() const { return out_; }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> input) : rest_(input) {}

  template <typename T>
    requires(std::is_integral_v<T>)
  T number() {
    T value{};
    if (rest_.size() < sizeof(T)) {
      failed_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
    return failed_ ? T{} : value;
  }
  // An element count of a list whose elements take at least `min_element_size` bytes: fails instead of
  // letting a forged count make the caller reserve memory that the input cannot fill.
  std::uint32_t count(std::size_t min_element_size, std::uint32_t max) {
    const auto value = number<std::uint32_t>();
    if (value > max || value * std::uint64_t{min_element_size} > rest_.size()) failed_ = true;
    return failed_ ? 0 : value;
  }
  std::string text(std::uint32_t max) {
    const auto bytes = raw(count(1, max));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::span<const std::byte> raw(std::size_t size) {
    if (failed_ || rest_.size() < size) {
      failed_ = true;
      return {};
    }
    const auto out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  void set_failed() { failed_ = true; }
  bool failed() const { return failed_; }
  bool finished() const { return !failed_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool failed_ = false;
};

}  // namespace sluice
