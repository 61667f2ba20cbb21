// Spilling: a bulk flow inside a tunnel takes its neighbours' bandwidth and shares their TCP connection's
// losses. It cannot be moved once it runs, but bulk flows come in kind: one that moved `bulk_bytes` within
// `bulk_time` of its start earns its key one credit, and the next flow to that key gets a TLS connection of
// its own for it. That flow is measured as well, so a run of bulk flows stays out of the tunnel, and a short
// flow that was given a connection by mistake earns nothing and ends the run. Credits lapse.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "io/ring.h"
#include "io/stream.h"

namespace sluice::tunnel {

struct SpillRule {
  std::uint64_t bulk_bytes = 8 * 1024 * 1024;  // both directions together
  Nanos bulk_time = Millis(3000);
  Nanos credit_time = Millis(30000);
  std::uint32_t credits_max = 8;
};

// Of one pool key; shared with the flows that report to it, which may outlive the pool's entry.
class SpillAdvice {
 public:
  explicit SpillAdvice(const SpillRule& rule) : rule_(rule) {}
  const SpillRule& rule() const { return rule_; }
  void bulk_seen(MonoTime now);
  // True: this flow should have a connection of its own (uses a credit).
  bool take(MonoTime now);

 private:
  SpillRule rule_;
  std::uint32_t credits_ = 0;
  MonoTime lapse_{};
};

// Measures one flow.
class FlowMeter {
 public:
  FlowMeter() = default;  // measures nothing
  FlowMeter(std::shared_ptr<SpillAdvice> advice, MonoTime opened)
      : advice_(std::move(advice)), opened_(opened) {}
  void moved(std::size_t bytes, MonoTime now);

 private:
  std::shared_ptr<SpillAdvice> advice_;  // null once reported or when too old to be bulk
  MonoTime opened_{};
  std::uint64_t bytes_ = 0;
};

// A connection of its own, measured like a tunnel's stream.
class MeteredStream final : public io::Stream {
 public:
  MeteredStream(io::Ring& ring, std::unique_ptr<io::Stream> inner, FlowMeter meter)
      : ring_(ring), inner_(std::move(inner)), meter_(std::move(meter)) {}
  io::Task<Result<io::Chunk>> read() override;
  io::Task<Result<>> write(io::Chunk chunk) override;
  io::Task<Result<>> write(std::span<const std::byte> bytes) override;
  io::Task<Result<>> finish() override { return inner_->finish(); }
  void reset(Error why) override { inner_->reset(why); }

 private:
  io::Ring& ring_;
  std::unique_ptr<io::Stream> inner_;
  FlowMeter meter_;
};

}  // namespace sluice::tunnel
