// The limits of MeshCircuitBreaker towards one service, counted for the whole node. A place is one under one
// of them and is given back when it dies; a ticket is one that keeps the limits for as long. One atomic add
// each way; no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "policy/table/http_image.h"

namespace sluice::upstream {

enum class Limited : std::uint8_t { connections, pools, pending, requests, retries };

class Place;
class Ticket;

class Limits : public std::enable_shared_from_this<Limits> {
 public:
  explicit Limits(const policy::ConnectionLimits& limits);

  // Nothing when all places are taken: the breaker is open. Retries without a limit of the policy's have a
  // budget instead: kBudgetPercent of the requests and pending ones in flight, but kBudgetMin at least, so
  // that a storm of failures does not multiply itself.
  std::optional<Ticket> take(Limited what);
  // The same for somebody whom the limits outlive.
  std::optional<Place> borrow(Limited what);
  std::uint32_t in_use(Limited what) const { return count(what).load(std::memory_order_relaxed); }
  // Places left; nothing when there is no limit.
  std::optional<std::uint32_t> left(Limited what) const;
  std::uint64_t refused(Limited what) const {
    return refused_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }

  static constexpr std::uint32_t kBudgetPercent = 20;
  static constexpr std::uint32_t kBudgetMin = 3;

 private:
  friend class Place;
  static constexpr std::size_t kKinds = 5;
  std::uint32_t limit(Limited what) const;  // 0: none
  bool enter(Limited what);
  std::atomic<std::uint32_t>& count(Limited what) { return counts_[static_cast<std::size_t>(what)]; }
  const std::atomic<std::uint32_t>& count(Limited what) const {
    return counts_[static_cast<std::size_t>(what)];
  }

  const std::array<std::uint32_t, kKinds> limits_;
  std::array<std::atomic<std::uint32_t>, kKinds> counts_{};
  std::array<std::atomic<std::uint64_t>, kKinds> refused_{};
};

class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept : limits_(std::exchange(other.limits_, nullptr)), what_(other.what_) {}
  Place& operator=(Place&& other) noexcept {
    give_back();
    limits_ = std::exchange(other.limits_, nullptr);
    what_ = other.what_;
    return *this;
  }
  ~Place() { give_back(); }
  void give_back() {
    if (limits_ == nullptr) return;
    std::exchange(limits_, nullptr)->count(what_).fetch_sub(1, std::memory_order_relaxed);
  }
  explicit operator bool() const { return limits_ != nullptr; }
  const Limits* limits() const { return limits_; }  // null: none

 private:
  friend class Limits;
  Place(Limits& limits, Limited what) : limits_(&limits), what_(what) {}
  Limits* limits_ = nullptr;
  Limited what_ = Limited::requests;
};

class Ticket {
 public:
  Ticket() = default;
  Ticket(Ticket&&) noexcept = default;
  Ticket& operator=(Ticket&& other) noexcept {
    place_ = std::move(other.place_);  // before what it may have kept
    kept_ = std::move(other.kept_);
    return *this;
  }
  void give_back() {
    place_.give_back();
    kept_.reset();
  }
  explicit operator bool() const { return static_cast<bool>(place_); }
  const Limits* limits() const { return place_.limits(); }  // null: none

 private:
  friend class Limits;
  Ticket(std::shared_ptr<Limits> kept, Place place) : kept_(std::move(kept)), place_(std::move(place)) {}
  std::shared_ptr<Limits> kept_;
  Place place_;
};

}  // namespace sluice::upstream
