#include "names/name_file.h"

#include <sstream>

#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

constexpr std::size_t kFileMax = 8U << 20;

}  // namespace

policy::HostAddresses names_of(const std::string& text) {
  policy::HostAddresses out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    if (!(words >> name)) continue;
    for (std::string word; words >> word;) {
      if (const auto ip = IpAddr::parse(word)) out[name].push_back(*ip);
    }
  }
  return out;
}

std::string names_text(const policy::HostAddresses& known) {
  std::string text;
  for (const auto& [name, addresses] : known) {
    text += name;
    for (const auto& one : addresses) text += " " + one.text();
    text += "\n";
  }
  return text;
}

policy::HostAddresses read_names(const std::string& path) {
  const auto text = read_bounded(path, kFileMax);
  return text ? names_of(*text) : policy::HostAddresses();
}

Outcome<> write_names(const std::string& path, const policy::HostAddresses& known) {
  return write_durably({{path, names_text(known)}});
}

}  // namespace sluice::agent
