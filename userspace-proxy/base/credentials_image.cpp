#include "base/credentials_image.h"

#include <string_view>

#include "base/bytes.h"

namespace sluice {
namespace {

constexpr std::uint32_t kMagic = 0x44524353;  // "SCRD"
constexpr std::uint16_t kVersion = 2;
constexpr std::uint32_t kMeshNameMax = 253;
// The least bytes that one element of each list takes: its fixed numbers and the lengths of its texts.
constexpr std::size_t kTrustMin = 4 + 1 + 4;
constexpr std::size_t kMeshMin = 4 + 8 + 4;
constexpr std::size_t kWorkloadMin = 4 + 4 + 4 + 4;

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

void write_texts(ByteWriter& out, const std::set<std::string, std::less<>>& texts) {
  out.number(static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) out.text(text);
}

std::set<std::string, std::less<>> read_texts(ByteReader& in, std::uint32_t max_bytes) {
  std::set<std::string, std::less<>> texts;
  const auto count = in.count(sizeof(std::uint32_t), kRevocationsMax);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) texts.insert(in.text(max_bytes));
  return texts;
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
  write_texts(out, image.revoked.serials);
  write_texts(out, image.revoked.ids);
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
  image.revoked.serials = read_texts(in, kSerialHexMax);
  image.revoked.ids = read_texts(in, kSpiffeIdMax);
  if (in.failed()) return std::unexpected("credentials: malformed or over-long list of revocations");
  if (!in.finished()) return std::unexpected("credentials: bytes after the end");
  return image;
}

}  // namespace sluice
