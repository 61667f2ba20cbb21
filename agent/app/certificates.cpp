#include "app/certificates.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "base/spiffe.h"

namespace sluice::agent {
namespace {

// After a failure (CA unreadable, clock wrong) it is tried again this soon.
constexpr auto kRetry = std::chrono::seconds(5);

bool is_kuma_form(const std::vector<std::string>& uris) {
  return uris.size() > 1 ||
         std::ranges::any_of(uris, [](const auto& uri) { return uri.starts_with("kuma://"); });
}

// A mesh's name becomes a directory's name, so it must not climb out of identity.ca_dir.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

std::uint64_t unix_seconds(WallTime time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

Outcome<const identity::Authority*> Certificates::authority_of(const std::string& mesh,
                                                               const std::string& trust_domain) {
  if (const auto found = authorities_.find(mesh); found != authorities_.end()) return found->second.get();
  if (!is_plain_name(mesh))
    return fault(fmt::format("mesh '{}' cannot have a CA directory of that name", mesh));
  const auto directory = std::filesystem::path(config_.identity_ca_dir) / mesh;
  auto authority = identity::Authority::builtin(directory, trust_domain, clock_);
  if (!authority) return std::unexpected(authority.error());
  read_revocations(mesh);
  return authorities_.emplace(mesh, std::move(*authority)).first->second.get();
}

bool Certificates::read_revocations(const std::string& mesh) {
  denied_[mesh] = identity::read_deny_list(std::filesystem::path(config_.identity_ca_dir) / mesh);
  return merge_revocations();
}

bool Certificates::merge_revocations() {
  Revocations all;
  all.issuers = crls_.revoked();
  for (const auto& [name, list] : denied_) {
    all.serials.insert(list.revoked.serials.begin(), list.revoked.serials.end());
    all.ids.insert(list.revoked.ids.begin(), list.revoked.ids.end());
  }
  if (all == revoked_) return false;
  revoked_ = std::move(all);
  ++generation_;
  // A workload whose key was revoked gets another one at once.
  for (auto& [id, leaf] : leaves_)
    leaf.outdated |= revoked_.serials.contains(leaf.svid.serial) ||
                     revoked_.lists({leaf.svid.issuer_key, leaf.svid.serial});
  return true;
}

bool Certificates::issue(const CertificateWish& wish) {
  const auto domain = common_trust_domain(wish.uris);
  if (!domain) {
    problems_.push_back(fmt::format("workload {}: its names have no common trust domain", wish.name));
    return false;
  }
  const std::string trust_domain(*domain);
  auto authority = authority_of(wish.mesh, trust_domain);
  if (!authority) {
    problems_.push_back(fmt::format("CA of mesh {}: {}", wish.mesh, authority.error().message));
    return false;
  }
  if (revoked_.names_any(wish.uris)) {
    problems_.push_back(
        fmt::format("workload {}: its identity is revoked by ca.revoked of mesh {}", wish.name, wish.mesh));
    return leaves_.erase(wish.workload) != 0;
  }
  const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(config_.identity_svid_lifetime);
  auto svid = (*authority)->issue({wish.uris, lifetime});
  if (!svid) {
    problems_.push_back(fmt::format("workload {}: {}", wish.name, svid.error().message));
    return false;
  }
  const auto form = is_kuma_form(wish.uris) ? IdentityForm::kuma : IdentityForm::single;
  trusts_[wish.mesh] = TrustImage{trust_domain, form, (*authority)->bundle_pem()};
  leaves_[wish.workload] = Leaf{wish, std::move(*svid)};
  return true;
}

bool Certificates::update(const std::vector<CertificateWish>& wishes) {
  problems_.clear();
  bool changed = false;
  std::set<WorkloadId> wanted;
  for (const auto& wish : wishes) {
    wanted.insert(wish.workload);
    const auto found = leaves_.find(wish.workload);
    const bool keep = found != leaves_.end() && found->second.wish.uris == wish.uris &&
                      found->second.wish.mesh == wish.mesh && !found->second.outdated &&
                      !revoked_.names_any(wish.uris) && !found->second.svid.rotation_due(clock_.wall());
    if (!keep) changed |= issue(wish);
  }
  changed |= std::erase_if(leaves_, [&](const auto& entry) { return !wanted.contains(entry.first); }) > 0;
  if (changed) ++generation_;
  return changed;
}

bool Certificates::reload_authorities() {
  bool changed = false;
  for (auto& [mesh, authority] : authorities_) {
    if (!authority->files_changed()) {
      exchange_problems_.erase(mesh);
      continue;
    }
    auto fresh = identity::Authority::load(std::filesystem::path(config_.identity_ca_dir) / mesh, clock_);
    if (!fresh) {
      changed |= read_revocations(mesh);
      exchange_problems_[mesh] =
          fmt::format("CA of mesh {}: {}; the one loaded before stays in force", mesh, fresh.error().message);
      continue;
    }
    exchange_problems_.erase(mesh);
    changed |= read_revocations(mesh);
    if ((*fresh)->bundle_pem() != authority->bundle_pem()) {
      changed = true;
      if (const auto trust = trusts_.find(mesh); trust != trusts_.end())
        trust->second.bundle_pem = (*fresh)->bundle_pem();
      auto& generation = trust_generations_.try_emplace(mesh, 1).first->second;
      ++generation;
      ++generation_;
      for (auto& [id, leaf] : leaves_)
        if (leaf.wish.mesh == mesh) leaf.outdated = true;
    }
    authority = std::move(*fresh);
  }
  return changed;
}

bool Certificates::reload_crls() {
  std::vector<std::string> bundles;
  for (const auto& [mesh, authority] : authorities_) bundles.push_back(authority->bundle_pem());
  return crls_.refresh(bundles) && merge_revocations();
}

std::vector<std::string> Certificates::exchange_problems() const {
  std::vector<std::string> out;
  for (const auto& [mesh, problem] : exchange_problems_) out.push_back(problem);
  for (const auto& [mesh, list] : denied_) out.insert(out.end(), list.problems.begin(), list.problems.end());
  for (auto& problem : crls_.problems()) out.push_back(std::move(problem));
  return out;
}

WallTime Certificates::next_rotation() const {
  auto next = crls_.next_expiry();
  for (const auto& [id, leaf] : leaves_) next = std::min(next, leaf.svid.rotate_at);
  if (!problems_.empty()) next = std::min<WallTime>(next, clock_.wall() + kRetry);
  return next;
}

CredentialsImage Certificates::image() const {
  CredentialsImage image;
  image.generation = generation_;
  image.revoked = revoked_;
  for (const auto& [mesh, trust] : trusts_) {
    const auto generation = trust_generations_.find(mesh);
    image.meshes.push_back({mesh, generation == trust_generations_.end() ? 1 : generation->second, {trust}});
  }
  for (const auto& [id, leaf] : leaves_)
    image.workloads.push_back({number(id), leaf.wish.mesh, leaf.svid.chain_pem, leaf.svid.key_pem});
  return image;
}

std::vector<CertificateInfo> Certificates::list() const {
  std::vector<CertificateInfo> out;
  for (const auto& [mesh, authority] : authorities_) {
    CertificateInfo info;
    info.workload = "CA " + mesh;
    info.mesh = mesh;
    info.not_after_unix = unix_seconds(authority->not_after());
    info.authority = true;
    out.push_back(info);
  }
  for (const auto& [id, leaf] : leaves_) {
    CertificateInfo info;
    info.workload = leaf.wish.name;
    info.mesh = leaf.wish.mesh;
    info.uris = leaf.wish.uris;
    info.serial = leaf.svid.serial;
    info.not_before_unix = unix_seconds(leaf.svid.not_before);
    info.not_after_unix = unix_seconds(leaf.svid.not_after);
    info.rotate_at_unix = unix_seconds(leaf.svid.rotate_at);
    out.push_back(info);
  }
  return out;
}

std::string Certificates::identity_of(WorkloadId workload) const {
  const auto found = leaves_.find(workload);
  return found == leaves_.end() || found->second.wish.uris.empty() ? std::string()
                                                                   : found->second.wish.uris.front();
}

std::string Certificates::serial_of(WorkloadId workload) const {
  const auto found = leaves_.find(workload);
  return found == leaves_.end() ? std::string() : found->second.svid.serial;
}

}  // namespace sluice::agent
