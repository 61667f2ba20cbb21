#include "app/crl_files.h"

#include <sys/stat.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/credentials_image.h"
#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

constexpr std::size_t kFileMax = std::size_t{16} << 20;

// Changes whenever the file is replaced, edited or removed.
std::string state_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "missing";
  return fmt::format("{} {} {} {}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

}  // namespace

CrlFiles::CrlFiles(const Config& config, const Clock& clock) : config_(config), clock_(clock) {
  for (const auto& path : config.identity_crl_files) files_.push_back({path, {}, {}, {}, {}});
}

bool CrlFiles::refresh(const std::vector<std::string>& bundles_pem) {
  if (files_.empty() || bundles_pem.empty()) return false;
  const bool first = bundles_.empty();
  const bool exchanged = bundles_ != bundles_pem;
  bundles_ = bundles_pem;
  bool changed = false;
  for (auto& file : files_) {
    if (first) recall(file);
    const auto state = state_of(file.path);
    if (!exchanged && state == file.seen) continue;
    file.seen = state;
    changed |= read(file);
  }
  auto expired = this->expired();
  changed |= expired != expired_ || (first && lists() > 0);
  expired_ = std::move(expired);
  return changed;
}

bool CrlFiles::read(File& file) {
  const auto bytes = read_bounded(file.path, kFileMax);
  auto crls = bytes ? judge(file, *bytes) : std::unexpected(Fault{bytes.error().message, {}});
  if (!crls) {
    file.problem = crls.error().message;
    if (!crls.error().next_step.empty()) file.problem += " (" + crls.error().next_step + ")";
    return false;
  }
  file.problem.clear();
  keep(file, *bytes);
  const bool changed = file.good != *crls;
  file.good = std::move(*crls);
  return changed;
}

Outcome<std::vector<identity::Crl>> CrlFiles::judge(const File& file, const std::string& bytes) const {
  std::size_t others = 0;
  for (const auto& other : files_)
    if (&other != &file)
      for (const auto& crl : other.good) others += crl.serials.size();
  auto crls = identity::read_crls(bytes, file.path, bundles_, kRevocationsMax - others);
  if (!crls) return crls;
  for (const auto& crl : *crls) {
    const auto old = std::ranges::find(file.good, crl.issuer_key, &identity::Crl::issuer_key);
    if (old != file.good.end() && crl.this_update < old->this_update)
      return fault(file.path + ": the CRL of " + crl.issuer + " is older than the one in force",
                   "let the CA write a new one");
  }
  return crls;
}

std::string CrlFiles::copy_of(const File& file) const {
  return config_.paths_state_dir + "/last-good-crl/" + flat_name(file.path);
}

// The last good lists of an earlier run. They were good when they were kept; what is not any more (the CA was
// exchanged) is left out without a word, since the file itself is read next.
void CrlFiles::recall(File& file) {
  const auto bytes = read_bounded(copy_of(file), kFileMax);
  if (!bytes) return;
  if (auto crls = judge(file, *bytes)) file.good = std::move(*crls);
}

// The copy only serves a later start, so a full disk must not keep a good list out of force.
void CrlFiles::keep(File& file, const std::string& bytes) {
  file.not_kept.clear();
  const auto path = copy_of(file);
  if (const auto kept = read_bounded(path, kFileMax); kept && *kept == bytes) return;
  auto done = make_directory(config_.paths_state_dir + "/last-good-crl", 0700);
  if (done) done = write_durably({{path, bytes}});
  if (!done) file.not_kept = "no last good copy of " + file.path + ": " + done.error().message;
}

std::map<std::string, const identity::Crl*> CrlFiles::newest() const {
  std::map<std::string, const identity::Crl*> out;
  for (const auto& file : files_)
    for (const auto& crl : file.good) {
      auto& chosen = out[crl.issuer_key];
      if (chosen == nullptr || chosen->this_update < crl.this_update) chosen = &crl;
    }
  return out;
}

std::set<std::string> CrlFiles::expired() const {
  std::set<std::string> out;
  for (const auto& [issuer, crl] : newest())
    if (crl->expired(clock_.wall())) out.insert(issuer);
  return out;
}

std::map<std::string, IssuerRevocations, std::less<>> CrlFiles::revoked() const {
  std::map<std::string, IssuerRevocations, std::less<>> out;
  const bool refuse = config_.identity_crl_expired == "refuse";
  for (const auto& [issuer, crl] : newest()) {
    const bool all = refuse && crl->expired(clock_.wall());
    if (all || !crl->serials.empty()) out[issuer] = {all, crl->serials};
  }
  return out;
}

std::vector<std::string> CrlFiles::problems() const {
  std::vector<std::string> out;
  for (const auto& file : files_) {
    if (!file.problem.empty())
      out.push_back(file.problem +
                    (file.good.empty() ? "; it revokes nothing" : "; the last good one stays in force"));
    if (!file.not_kept.empty()) out.push_back(file.not_kept);
  }
  const bool refuse = config_.identity_crl_expired == "refuse";
  for (const auto& [issuer, crl] : newest())
    if (crl->expired(clock_.wall()))
      out.push_back(fmt::format("the CRL of {} is out of date since {}: {}; put a current one in place",
                                crl->issuer, identity::next_update_text(*crl),
                                refuse ? "no certificate of this CA is accepted"
                                       : "what it lists stays revoked, later revocations are not known"));
  return out;
}

WallTime CrlFiles::next_expiry() const {
  auto next = WallTime::max();
  for (const auto& [issuer, crl] : newest())
    if (crl->next_update && !crl->expired(clock_.wall())) next = std::min(next, *crl->next_update);
  return next;
}

std::size_t CrlFiles::lists() const {
  return newest().size();
}

std::size_t CrlFiles::serials() const {
  std::size_t out = 0;
  for (const auto& [issuer, crl] : newest()) out += crl->serials.size();
  return out;
}

}  // namespace sluice::agent
