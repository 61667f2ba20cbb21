#include "policy/engine/external_tls.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "policy/table/image_codec.h"
#include "x509/digest.h"
#include "x509/pem.h"

namespace sluice::policy {
namespace {

using Text = std::expected<std::string, std::string>;

// Line breaks are left out; anything else that does not belong there makes it no base64.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '=') continue;
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xffU));
  }
  return out;
}

Text decoded(std::string_view text, std::string_view what) {
  auto out = from_base64(text);
  if (!out || out->empty()) return std::unexpected(std::string(what) + " is no base64");
  return std::move(*out);
}

Text from_secret(std::string_view name, const MeshWorld& mesh, std::string_view what) {
  const auto secrets = mesh.of_kind("Secret");
  const auto found = std::ranges::find_if(
      secrets, [&](const Resource* one) { return one->name == name || one->display_name == name; });
  if (found == secrets.end()) return std::unexpected("there is no Secret for its " + std::string(what));
  return decoded((*found)->body.text_of("data"), what);
}

// A DataSource of Kuma 2, or a SecureDataSource of Kuma 3. Nothing given: an empty text.
Text source(const Node& verification, std::string_view key, const MeshWorld& mesh) {
  const auto* node = verification.find(key);
  if (node == nullptr) return std::string();
  if (const auto type = node->text_of("type"); !type.empty()) {
    const auto* secret = node->find("secretRef");
    const auto* text = node->find("insecureInline");
    if (type == "Secret" && secret != nullptr) return from_secret(secret->text_of("name"), mesh, key);
    if (type == "InsecureInline" && text != nullptr) return std::string(text->text_of("value"));
    return std::unexpected("its " + std::string(key) + " comes from where Sluice does not read");
  }
  if (const auto name = node->text_of("secret"); !name.empty()) return from_secret(name, mesh, key);
  if (const auto text = node->text_of("inlineString"); !text.empty()) return std::string(text);
  return decoded(node->text_of("inline"), key);
}

ExternalTls::Version version_of(const Node* version, std::string_view key) {
  constexpr std::array<std::string_view, 5> kWords{"TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"};
  const auto word = version == nullptr ? std::string_view() : version->text_of(key);
  const auto found = std::ranges::find(kWords, word);
  return found == kWords.end() ? ExternalTls::Version::any
                               : static_cast<ExternalTls::Version>(found - kWords.begin());
}

std::string add_data(const Node& verification, const MeshWorld& mesh, ExternalTls& out) {
  const std::array<std::pair<std::string_view, std::string*>, 3> parts{
      {{"caCert", &out.authorities}, {"clientCert", &out.chain}, {"clientKey", &out.key}}};
  for (const auto& [key, place] : parts) {
    auto text = source(verification, key, mesh);
    if (!text) return std::move(text.error());
    if (text->size() > kMaxPem) return "its " + std::string(key) + " is too long";
    *place = std::move(*text);
  }
  if (!out.authorities.empty()) {
    const auto read = x509::parse_certificates(out.authorities, "its caCert", kMaxAuthorities);
    if (!read) return read.error().message;
  }
  if (out.chain.empty() && out.key.empty()) return {};
  auto problem = x509::chain_problem(out.chain, out.key);
  return problem.empty() ? problem : "of its clientCert and clientKey " + problem;
}

std::string digest_of(const ExternalTls& tls) {
  WorkloadImage alone;
  alone.tls.push_back(tls);
  const auto bytes = part_bytes(alone);
  return sha256_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// What is asked of the server, which the client's own certificate has no part in.
std::string trust_of(ExternalTls tls) {
  tls.chain.clear();
  tls.key.clear();
  return digest_of(tls);
}

}  // namespace

std::expected<ExternalTls, std::string> external_tls(const Node& tls, const MeshWorld& mesh) {
  ExternalTls out;
  const auto* version = tls.find("version");
  out.min = version_of(version, "min");
  out.max = version_of(version, "max");
  if (const auto* verification = tls.find("verification")) {
    const auto mode = verification->text_of("mode");
    out.check_chain = mode != "SkipCA" && mode != "SkipAll";
    out.check_names = mode != "SkipSAN" && mode != "SkipAll";
    out.server_name = verification->text_of("serverName");
    if (const auto* names = verification->find("subjectAltNames")) {
      for (const auto& name : names->items)
        out.names.push_back({name.text_of("type") == "Prefix", std::string(name.text_of("value"))});
    }
    if (out.names.size() > kMaxConditions) return std::unexpected("it has too many subjectAltNames");
    if (auto problem = add_data(*verification, mesh, out); !problem.empty()) return std::unexpected(problem);
  }
  out.trust = trust_of(out);
  out.digest = digest_of(out);
  return out;
}

bool needs_system_authorities(const TableImage& table) {
  return std::ranges::any_of(table.workloads, [](const WorkloadImage& workload) {
    return !workload.tls.empty() && workload.tls.front().check_chain &&
           workload.tls.front().authorities.empty();
  });
}

void set_system_authorities(TableImage& table, std::string pem) {
  table.system_authorities_digest = sha256_base64(pem);
  table.system_authorities = std::move(pem);
}

}  // namespace sluice::policy
