// The offload pool of the simulation: a job runs on the ring's own thread, at a moment that the seed chooses,
// so that everything else may happen while a handshake's step is under way.
#pragma once

#include <memory>
#include <random>
#include <unordered_map>

#include "io/offload.h"
#include "io/ring.h"

namespace sluice::io {

class SimOffload final : public OffloadExecutor {
 public:
  SimOffload(Ring& ring, std::uint64_t seed, Nanos time_max)
      : ring_(ring), random_(seed), time_max_(time_max) {}

  void submit(OffloadJob& job) override {
    const auto span = static_cast<std::uint64_t>(time_max_.count());
    auto& due = due_[&job];
    due = std::make_unique<Due>(*this, job);
    ring_.timers().arm(*due, ring_.now() + Nanos(static_cast<std::int64_t>(random_() % (span + 1))));
    ++jobs_;
  }
  std::uint64_t jobs() const { return jobs_; }

 private:
  class Due final : public Timer {
   public:
    Due(SimOffload& all, OffloadJob& job) : all_(all), job_(job) {}

   private:
    void expired() override {
      OffloadJob& job = job_;
      all_.due_.erase(&job);  // and this
      job.work();
    }
    SimOffload& all_;
    OffloadJob& job_;
  };

  Ring& ring_;
  std::mt19937_64 random_;
  Nanos time_max_;
  std::unordered_map<OffloadJob*, std::unique_ptr<Due>> due_;  // looked up, never walked
  std::uint64_t jobs_ = 0;
};

}  // namespace sluice::io
