// Texts that make a careless reader of YAML large or slow.
#pragma once

#include <string>
#include <string_view>

namespace sluice::test {

inline std::string repeated(std::size_t times, std::string_view part) {
  std::string out;
  out.reserve(times * part.size());
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

// 10^30 values, by aliases of aliases.
inline std::string billion_laughs() {
  std::string out = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 30; ++i) {
    const auto name = std::to_string(i);
    const auto alias = ",*a" + std::to_string(i - 1);
    out += "a" + name + ": &a" + name + " [" + repeated(10, alias).substr(1) + "]\n";
  }
  return out;
}

}  // namespace sluice::test
