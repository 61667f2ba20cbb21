// Writer and Reader visit the same list of a struct's members, so that the two directions of the codec cannot
// drift apart.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct Writer {
  ByteWriter& out;

  template <typename T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void number(const T& value) {
    out.number(value);
  }
  template <typename T>
  void choice(const T& value, T) {
    out.number(value);
  }
  void flag(const bool& value) { out.number(static_cast<std::uint8_t>(value)); }
  void text(const std::string& value, std::uint32_t = kMaxText) { out.text(value); }
  void address(const IpAddr& value) { out.raw(std::as_bytes(std::span(value.bytes))); }
  void duration(const Nanos& value) { out.number(static_cast<std::int64_t>(value.count())); }
  template <typename T, typename Each>
  void list(const std::vector<T>& values, std::size_t, std::uint32_t, Each each) {
    out.number(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) each(*this, value);
  }
};

struct Reader {
  ByteReader& in;

  template <typename T>
  void number(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(in.number<std::underlying_type_t<T>>());
    } else {
      value = in.number<T>();
    }
  }
  template <typename T>
  void choice(T& value, T last) {
    const auto raw = in.number<std::uint8_t>();
    if (raw > static_cast<std::uint8_t>(last)) {
      in.set_failed();
      return;
    }
    value = static_cast<T>(raw);
  }
  void flag(bool& value) {
    const auto raw = in.number<std::uint8_t>();
    if (raw > 1) in.set_failed();
    value = raw == 1;
  }
  void text(std::string& value, std::uint32_t max = kMaxText) { value = in.text(max); }
  void address(IpAddr& value) {
    const auto bytes = in.raw(value.bytes.size());
    if (bytes.size() == value.bytes.size()) std::memcpy(value.bytes.data(), bytes.data(), bytes.size());
  }
  void duration(Nanos& value) {
    const auto count = in.number<std::int64_t>();
    if (count < 0) in.set_failed();
    value = Nanos(count);
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, std::size_t min_size, std::uint32_t max, Each each) {
    const auto count = in.count(min_size, max);
    values.clear();
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) each(*this, values.emplace_back());
  }
};

}  // namespace sluice::policy
