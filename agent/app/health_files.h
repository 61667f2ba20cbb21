// The files that MeshHealthCheck's eventLogPath names: a line of JSON for each event, in the form of Envoy's
// HealthCheckEvent. They lie below one directory of the operator's, whatever path a document names, and are
// bounded in number and size: writing policies must not amount to writing files of the node.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/health_event.h"
#include "base/log.h"
#include "base/result.h"
#include "policy/table/http_image.h"

namespace sluice::agent {

class HealthFiles {
 public:
  static constexpr std::size_t kFilesMax = 64;                        // and as many older parts
  static constexpr std::uint64_t kBytesMax = std::uint64_t{8} << 20;  // then it is renamed to NAME.1

  // directory: made, mode 0700, with the first event. Empty: nothing is written.
  HealthFiles(std::string directory, Log& log) : directory_(std::move(directory)), log_(log) {}

  // `clusters`: of the table in force; an event for a file that none of them names is refused and only
  // counted.
  void take(const message::HealthEvent& event, std::span<const policy::ClusterImage> clusters);

  std::uint64_t written() const { return written_; }
  std::uint64_t refused() const { return refused_; }  // or not written
  // Why the last event was not written.
  const std::optional<Fault>& problem() const { return problem_; }

 private:
  Outcome<> write(const message::HealthEvent& event);
  Outcome<> append(const std::string& file, const std::string& line);
  bool room_for(const std::string& file) const;

  std::string directory_;
  Log& log_;
  std::uint64_t written_ = 0;
  std::uint64_t refused_ = 0;
  std::optional<Fault> problem_;
};

}  // namespace sluice::agent
