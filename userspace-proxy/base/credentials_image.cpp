#include "base/credentials_image.h"

#include <string_view>

#include "base/bytes.h"

namespace sluice {
namespace {

constexpr std::uint32_t kMagic = 0x44524353;  // "SCRD"
constexpr std::uint16_t kVersion = 3;
constexpr std::uint32_t kMeshNameMax = 253;
// The least bytes that one element of each list takes: its fixed numbers and the lengths of its texts.
constexpr std::size_t kTrustMin = 4 + 1 + 4;
constexpr std::size_t kMeshMin = 4 + 8 + 4;
constexpr std::size_t kWorkloadMin = 4 + 4 + 4 + 4;
constexpr std::size_t kIssuerMin = 4 + kKeyDigestSize + 1 + 4;

void write_mesh(ByteWriter& out, const MeshTrustImage& mesh) {
  out.text(mesh.mesh);
  out.number(mesh.generation);
  out.number(static_cast<std::uint32_t>(mesh.trusts.size()));
  for (const auto& trust : mesh.trusts) {
    out.text(trust.trust_domain);
    out.number(static_cast<std::uint8_t>(trust.form));
    out.text(trust.bundle_pem);
  }
}

TrustImage read_trust(ByteReader& in) {
  TrustImage trust;
  trust.trust_domain = in.text(kTrustDomainMax);
  const auto form = in.number<std::uint8_t>();
  if (form > static_cast<std::uint8_t>(IdentityForm::kuma) || !is_trust_domain(trust.trust_domain))
    in.set_failed();
  trust.form = form == 0 ? IdentityForm::single : IdentityForm::kuma;
  trust.bundle_pem = in.text(kBundlePemMax);
  return trust;
}

MeshTrustImage read_mesh(ByteReader& in) {
  MeshTrustImage mesh;
  mesh.mesh = in.text(kMeshNameMax);
  mesh.generation = in.number<std::uint64_t>();
  const auto count = in.count(kTrustMin, kCredentialTrustsMax);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) mesh.trusts.push_back(read_trust(in));
  return mesh;
}

WorkloadCredentialImage read_workload(ByteReader& in) {
  WorkloadCredentialImage workload;
  workload.workload = in.number<std::uint32_t>();
  workload.mesh = in.text(kMeshNameMax);
  workload.chain_pem = in.text(kChainPemMax);
  workload.key_pem = in.text(kKeyPemMax);
  return workload;
}

void write_texts(ByteWriter& out, const SerialSet& texts) {
  out.number(static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) out.text(text);
}

// In ascending order, each once: there is one way to write a set.
SerialSet read_texts(ByteReader& in, std::uint32_t max_bytes, std::size_t max = kRevocationsMax) {
  SerialSet texts;
  const auto count = in.count(sizeof(std::uint32_t), static_cast<std::uint32_t>(max));
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    auto text = in.text(max_bytes);
    if (!texts.empty() && text <= *texts.rbegin()) in.set_failed();
    texts.insert(texts.end(), std::move(text));
  }
  return texts;
}

void write_revocations(ByteWriter& out, const Revocations& revoked) {
  write_texts(out, revoked.serials);
  write_texts(out, revoked.ids);
  out.number(static_cast<std::uint32_t>(revoked.issuers.size()));
  for (const auto& [key, issuer] : revoked.issuers) {
    out.text(key);
    out.number(static_cast<std::uint8_t>(issuer.all ? 1 : 0));
    write_texts(out, issuer.serials);
  }
}

Revocations read_revocations(ByteReader& in) {
  Revocations revoked;
  revoked.serials = read_texts(in, kSerialHexMax);
  revoked.ids = read_texts(in, kSpiffeIdMax);
  std::size_t left = kRevocationsMax;
  const auto count = in.count(kIssuerMin, kRevokingIssuersMax);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    auto key = in.text(kKeyDigestSize);
    const auto all = in.number<std::uint8_t>();
    IssuerRevocations issuer{.all = all == 1, .serials = read_texts(in, kSerialHexMax, left)};
    left -= issuer.serials.size();
    const bool ascending = revoked.issuers.empty() || revoked.issuers.rbegin()->first < key;
    if (key.size() != kKeyDigestSize || all > 1 || !ascending) in.set_failed();
    revoked.issuers.emplace_hint(revoked.issuers.end(), std::move(key), std::move(issuer));
  }
  return revoked;
}

}  // namespace

std::vector<std::byte> encode_credentials(const CredentialsImage& image) {
  ByteWriter out;
  out.number(kMagic);
  out.number(kVersion);
  out.number(image.generation);
  out.number(static_cast<std::uint32_t>(image.meshes.size()));
  for (const auto& mesh : image.meshes) write_mesh(out, mesh);
  out.number(static_cast<std::uint32_t>(image.workloads.size()));
  for (const auto& workload : image.workloads) {
    out.number(workload.workload);
    out.text(workload.mesh);
    out.text(workload.chain_pem);
    out.text(workload.key_pem);
  }
  write_revocations(out, image.revoked);
  return out.take();
}

std::expected<CredentialsImage, std::string> decode_credentials(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (in.number<std::uint32_t>() != kMagic) return std::unexpected("credentials: not a credentials section");
  const auto version = in.number<std::uint16_t>();
  if (version != kVersion)
    return std::unexpected("credentials: version " + std::to_string(version) + " is not version " +
                           std::to_string(kVersion));
  CredentialsImage image;
  image.generation = in.number<std::uint64_t>();
  const auto meshes = in.count(kMeshMin, kCredentialMeshesMax);
  for (std::uint32_t i = 0; i < meshes && !in.failed(); ++i) image.meshes.push_back(read_mesh(in));
  if (in.failed()) return std::unexpected("credentials: malformed or over-long list of meshes");
  const auto workloads = in.count(kWorkloadMin, kCredentialWorkloadsMax);
  for (std::uint32_t i = 0; i < workloads && !in.failed(); ++i) image.workloads.push_back(read_workload(in));
  if (in.failed()) return std::unexpected("credentials: malformed or over-long list of workloads");
  image.revoked = read_revocations(in);
  if (in.failed()) return std::unexpected("credentials: malformed or over-long list of revocations");
  if (!in.finished()) return std::unexpected("credentials: bytes after the end");
  return image;
}

}  // namespace sluice
