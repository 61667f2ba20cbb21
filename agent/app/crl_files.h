// The CRL files of identity.crl_files: read again when they change, held against the CAs of this node's
// meshes. A file that is bad, missing, or older than what is in force leaves the last good lists in force;
// they are kept in paths.state_dir as well, so that a start after a file was broken finds them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "identity/crl.h"

namespace sluice::agent {

class CrlFiles {
 public:
  // `config` and `clock` outlive this object.
  CrlFiles(const Config& config, const Clock& clock);

  // Reads what changed since. `bundles_pem`: the CAs that may sign; without any, nothing is read yet. True
  // when revoked() changed.
  bool refresh(const std::vector<std::string>& bundles_pem);
  std::map<std::string, IssuerRevocations, std::less<>> revoked() const;
  // What keeps a file from counting, and which lists are out of date.
  std::vector<std::string> problems() const;
  // When refresh() has to run again without a change of files.
  WallTime next_expiry() const;
  std::size_t lists() const;
  std::size_t serials() const;

 private:
  struct File {
    std::string path;
    std::string seen;  // what the file was when it was read last
    std::vector<identity::Crl> good;
    std::string problem;
    std::string not_kept;  // why there is no copy for the next start
  };
  bool read(File& file);
  Outcome<std::vector<identity::Crl>> judge(const File& file, const std::string& bytes) const;
  std::string copy_of(const File& file) const;
  void recall(File& file);
  void keep(File& file, const std::string& bytes);
  // The list that counts for each CA: the newest.
  std::map<std::string, const identity::Crl*> newest() const;
  std::set<std::string> expired() const;

  const Config& config_;
  const Clock& clock_;
  std::vector<File> files_;
  std::vector<std::string> bundles_;
  std::set<std::string> expired_;  // issuers, as told by refresh()
};

}  // namespace sluice::agent
