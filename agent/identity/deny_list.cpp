#include "identity/deny_list.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>

#include "base/credentials_image.h"
#include "base/spiffe.h"
#include "identity/ca_directory.h"

namespace sluice::identity {
namespace {

constexpr std::size_t kFileMax = 4u << 20;

// As x509::serial_hex writes it; colons, as other programs print them, are left out. Nothing when it is none.
std::optional<std::string> serial_of(std::string text) {
  std::erase(text, ':');
  const auto is_hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  if (text.empty() || text.size() > kSerialHexMax || !std::ranges::all_of(text, is_hex)) return std::nullopt;
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto first = std::min(text.find_first_not_of('0'), text.size() - 1);
  text.erase(0, first);
  if (text.size() % 2 != 0) text.insert(0, 1, '0');
  return text;
}

// Kuma's names may hold characters that a strict SPIFFE path may not, and are compared whole.
bool is_name(const std::string& text) {
  const std::string uris[] = {text};
  const auto domain = common_trust_domain(uris);
  return text.size() <= kSpiffeIdMax && domain && is_identity(uris, *domain, IdentityForm::kuma);
}

}  // namespace

DenyList read_deny_list(const std::filesystem::path& directory) {
  DenyList out;
  const auto path = directory / "ca.revoked";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return out;
  const auto text = read_file(path, kFileMax);
  if (!text) {
    out.problems.push_back(text.error().message);
    return out;
  }
  std::istringstream lines(*text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string entry;
    std::string more;
    if (!(words >> entry)) continue;
    const bool alone = !(words >> more);
    if (alone && is_name(entry))
      out.revoked.ids.insert(entry);
    else if (const auto serial = alone ? serial_of(entry) : std::nullopt)
      out.revoked.serials.insert(*serial);
    else
      out.problems.push_back(path.string() + ":" + std::to_string(number) +
                             ": neither a serial in hexadecimal nor a SPIFFE ID");
  }
  return out;
}

}  // namespace sluice::identity
