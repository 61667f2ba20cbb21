#include "tls/credentials.h"

#include <map>

#include "tls/workload_tls.h"

namespace sluice::tls {
namespace {

using Trusts = std::map<std::string, std::shared_ptr<const Trust>>;

Outcome<Trusts> build_trusts(const CredentialsImage& image) {
  Trusts out;
  for (const auto& mesh : image.meshes) {
    auto trust = Trust::build(mesh);
    if (!trust) return fault("mesh " + mesh.mesh + ": " + trust.error().message, trust.error().next_step);
    if (!out.try_emplace(mesh.mesh, std::move(*trust)).second)
      return fault("mesh " + mesh.mesh + " is there twice");
  }
  return out;
}

}  // namespace

Outcome<std::shared_ptr<const Credentials>> Credentials::build(const CredentialsImage& image,
                                                               const Environment& environment,
                                                               const Credentials* previous) {
  const auto trusts = build_trusts(image);
  if (!trusts) return std::unexpected(trusts.error());
  std::shared_ptr<Credentials> out(new Credentials);
  out->generation_ = image.generation;
  out->environment_ = environment;
  out->revoked_ = std::make_shared<const Revocations>(image.revoked);
  for (const auto& workload : image.workloads) {
    const std::string name = "workload " + std::to_string(workload.workload);
    const auto trust = trusts->find(workload.mesh);
    if (trust == trusts->end())
      return fault(name + " is of mesh " + workload.mesh + ", whose trust is missing");
    auto tls = previous == nullptr ? nullptr : previous->find(workload.workload);
    if (!tls || *tls->epoch != epoch_of(workload, *trust->second)) {
      auto fresh = build_workload(workload, trust->second, environment.settings);
      if (!fresh) return fault(name + ": " + fresh.error().message, fresh.error().next_step);
      tls = std::move(*fresh);
    }
    if (!out->workloads_.try_emplace(workload.workload, std::move(tls)).second)
      return fault(name + " is there twice");
  }
  return out;
}

std::shared_ptr<const WorkloadTls> Credentials::find(std::uint32_t workload) const {
  const auto at = workloads_.find(workload);
  return at == workloads_.end() ? nullptr : at->second;
}

}  // namespace sluice::tls
