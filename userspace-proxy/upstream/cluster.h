// The endpoints of one service as one policy uses them: which there are, in which groups, and what is known
// of them. Immutable; what changes - health, ejections, counts - is behind atomics that the whole node
// shares. Registry makes clusters; a Chooser per worker picks from one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "policy/table/http_image.h"
#include "upstream/consistent.h"
#include "upstream/endpoint.h"
#include "upstream/health.h"
#include "upstream/limits.h"
#include "upstream/outlier.h"

namespace sluice::upstream {

// One backend of a service, as the table has it; its place is ClusterImage::places.
struct Seed {
  UpstreamAddr address;
  std::uint32_t weight = 1;
  std::vector<policy::HeaderField> tags;  // for OmitHostsWithTags
  bool operator==(const Seed&) const = default;
};

struct Host {
  std::shared_ptr<Endpoint> endpoint;
  std::shared_ptr<Detector::Monitor> monitor;  // null: no outlier detection
  std::shared_ptr<Checker::Watched> watched;   // null: no health check
  std::uint32_t backend = 0;                   // its place in the service's list
  std::uint32_t weight = 1;
  std::uint8_t priority = 0;
  std::vector<policy::HeaderField> tags;

  bool available() const {
    return (monitor == nullptr || !monitor->ejected()) && (watched == nullptr || watched->healthy());
  }
};

// Endpoints of one priority and locality.
struct Group {
  std::uint8_t priority = 0;
  std::uint32_t locality_weight = 0;
  std::vector<std::uint32_t> hosts;  // indexes into Cluster::hosts()
  Ring ring;                         // over `hosts`, as are the tables below
  Maglev maglev;
};

// New endpoints, and those that came back, get a part of their load that grows over `window`.
struct SlowStart {
  Nanos window{};  // 0: none
  std::uint32_t min_percent = 10;
};

class Cluster {
 public:
  struct Parts {
    std::vector<Host> hosts;
    std::shared_ptr<Limits> limits;
    std::shared_ptr<Detector> detector;
    std::shared_ptr<Checker> checker;
    SlowStart slow_start;
  };
  Cluster(policy::ClusterImage image, Parts parts);

  const policy::ClusterImage& image() const { return image_; }
  std::span<const Host> hosts() const { return parts_.hosts; }
  // By priority, then locality.
  std::span<const Group> groups() const { return groups_; }
  Limits& limits() const { return *parts_.limits; }
  const std::shared_ptr<Detector>& detector() const { return parts_.detector; }  // null: none
  const std::shared_ptr<Checker>& checker() const { return parts_.checker; }     // null: none
  const SlowStart& slow_start() const { return parts_.slow_start; }

  // Tells what was seen of a host; also of one that a cluster of an older table picked.
  void report(const Host& host, const Observation& seen, MonoTime now) const {
    if (parts_.detector != nullptr && host.monitor != nullptr) {
      parts_.detector->report(*host.monitor, seen, now);
    }
  }
  void saw_traffic() const {
    if (parts_.checker != nullptr) parts_.checker->saw_traffic();
  }
  // Changes whenever a host becomes available or ceases to be.
  std::uint64_t epoch() const {
    return (parts_.detector == nullptr ? 0 : parts_.detector->epoch()) +
           (parts_.checker == nullptr ? 0 : parts_.checker->epoch());
  }

 private:
  void group_hosts();
  void make_tables(Group& group) const;

  const policy::ClusterImage image_;
  const Parts parts_;
  std::vector<Group> groups_;
};

}  // namespace sluice::upstream
