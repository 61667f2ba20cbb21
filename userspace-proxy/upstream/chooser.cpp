#include "upstream/chooser.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::upstream {
namespace {

constexpr std::uint64_t kEven = 1'000'000;  // a group's weight where localities have none
constexpr int kHeldBackTries = 8;
constexpr std::uint32_t kMaxSelections = 64;

}  // namespace

Chooser::Chooser(std::shared_ptr<const Cluster> cluster, std::uint64_t seed)
    : cluster_(std::move(cluster)), random_(seed), epoch_(cluster_->epoch()) {
  for (const auto& group : cluster_->groups()) {
    if (levels_.empty() || levels_.back().priority != group.priority) {
      levels_.emplace_back().priority = group.priority;
    }
    levels_.back().groups.emplace_back().group = &group;
  }
  refresh();
}

void Chooser::refresh() {
  std::vector<PrioritySize> sizes;
  for (auto& level : levels_) {
    level.size = {};
    for (const auto& view : level.groups) {
      level.size.endpoints += static_cast<std::uint32_t>(view.group->hosts.size());
      for (const auto host : view.group->hosts) level.size.available += cluster_->hosts()[host].available();
    }
    sizes.push_back(level.size);
  }
  const auto& image = cluster_->image();
  const auto shares = spread(sizes, image.overprovisioning_percent, image.panic_percent);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    levels_[i].share = shares[i];
    fill(levels_[i]);
    weigh(levels_[i]);
  }
}

void Chooser::fill(Level& level) {
  for (auto& view : level.groups) {
    view.hosts.clear();
    std::vector<std::uint32_t> weights;
    for (const auto host : view.group->hosts) {
      if (!usable(level, cluster_->hosts()[host])) continue;
      view.hosts.push_back(host);
      weights.push_back(cluster_->hosts()[host].weight);
    }
    const bool even = std::ranges::adjacent_find(weights, std::not_equal_to{}) == weights.end();
    view.order = even ? std::vector<std::uint32_t>{} : smooth_schedule(weights);
    // Workers do not start at the same endpoint.
    const std::size_t turns = even ? view.hosts.size() : view.order.size();
    view.cursor = turns == 0 ? 0 : random_.below(turns);
  }
}

// A locality takes its weight as long as its available endpoints can bear it under the overprovisioning
// factor. Where localities have no weight every endpoint counts the same.
void Chooser::weigh(Level& level) const {
  const bool weighted =
      std::ranges::any_of(level.groups, [](const auto& view) { return view.group->locality_weight > 0; });
  level.weight = 0;
  for (auto& view : level.groups) {
    const std::uint64_t bears = std::min<std::uint64_t>(
        100, std::uint64_t{cluster_->image().overprovisioning_percent} * view.hosts.size() /
                 std::max<std::size_t>(view.group->hosts.size(), 1));
    view.weight = weighted ? std::uint64_t{view.group->locality_weight} * bears : kEven * view.hosts.size();
    if (view.hosts.empty()) view.weight = 0;
    level.weight += view.weight;
  }
}

PriorityShare Chooser::share(std::uint8_t priority) {
  for (const auto& level : levels_) {
    if (level.priority == priority) return level.share;
  }
  return {};
}

Result<const Host*> Chooser::pick(const PickRequest& request, MonoTime now) {
  if (levels_.empty()) return fail(Reason::no_endpoints, Origin::policy, "pick");
  if (const auto epoch = cluster_->epoch(); epoch != epoch_) {
    epoch_ = epoch;
    refresh();
  }
  // Not given: another host is found whenever there is one. Else the last one of so many is taken, as it is.
  const std::uint32_t bound = request.retry == nullptr ? 0 : request.retry->host_selection_attempts;
  const unsigned tries = request.retry == nullptr ? 1 : 1 + std::clamp(bound, 1U, kMaxSelections);
  const Host* host = nullptr;
  Level* level = nullptr;
  for (unsigned attempt = 0; attempt < tries; ++attempt) {
    const std::uint64_t draw = request.hash ? mix(*request.hash) : random_.next();
    level = choose_level(draw, request);
    if (level == nullptr || (level->share.panic && cluster_->image().health.fail_traffic_on_panic)) {
      return fail(Reason::no_healthy_endpoint, Origin::policy, "pick");
    }
    // The low bits chose nothing yet.
    auto& view = choose_group(*level, mix(draw));
    if (view.hosts.empty()) return fail(Reason::no_healthy_endpoint, Origin::policy, "pick");
    host = choose_host(*level, view, request, attempt, now);
    if (!omitted(*host, request)) return host;
  }
  if (bound > 0) return host;
  const Host* other = any_not_omitted(*level, request);
  return other == nullptr ? host : other;
}

Chooser::Level* Chooser::choose_level(std::uint64_t draw, const PickRequest& request) {
  if (request.retry != nullptr && request.retry->omit_previous_priorities > 0 && !request.tried.empty()) {
    if (Level* level = choose_level_without(draw, request)) return level;
  }
  std::uint64_t place = levels_.size() == 1 ? 0 : scaled(draw, 100);
  for (auto& level : levels_) {
    if (place < level.share.percent) return &level;
    place -= level.share.percent;
  }
  return nullptr;
}

// After every updateFrequency attempts, the priorities tried so far are left out. Null when that leaves
// nothing: then all count again.
Chooser::Level* Chooser::choose_level_without(std::uint64_t draw, const PickRequest& request) {
  const std::size_t frequency = request.retry->omit_previous_priorities;
  const std::size_t counted = request.tried.size() / frequency * frequency;
  std::vector<PrioritySize> sizes;
  for (const auto& level : levels_) {
    const bool was_tried = std::ranges::any_of(request.tried.first(counted), [&](std::uint32_t backend) {
      return std::ranges::any_of(cluster_->hosts(), [&](const Host& host) {
        return host.backend == backend && host.priority == level.priority;
      });
    });
    sizes.push_back(was_tried ? PrioritySize{} : level.size);
  }
  const auto shares = spread(sizes, cluster_->image().overprovisioning_percent, 0);
  std::uint64_t place = scaled(draw, 100);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    if (place < shares[i].percent) return sizes[i].available > 0 ? &levels_[i] : nullptr;
    place -= shares[i].percent;
  }
  return nullptr;
}

Chooser::GroupView& Chooser::choose_group(Level& level, std::uint64_t draw) const {
  if (level.groups.size() == 1 || level.weight == 0) return level.groups.front();
  std::uint64_t place = scaled(draw, level.weight);
  for (auto& view : level.groups) {
    if (place < view.weight) return view;
    place -= view.weight;
  }
  return level.groups.back();
}

const Host* Chooser::choose_host(Level& level, GroupView& view, const PickRequest& request, unsigned attempt,
                                 MonoTime now) {
  using policy::Balancer;
  const auto balancer = cluster_->image().balancing.balancer;
  if (balancer == Balancer::ring_hash || balancer == Balancer::maglev) {
    std::uint64_t hash = request.hash ? *request.hash : random_.next();
    // Another try looks elsewhere, the same place for the same key.
    for (unsigned i = 0; i < attempt; ++i) hash = mix(hash);
    return balancer == Balancer::ring_hash ? on_ring(level, *view.group, hash)
                                           : in_table(level, *view.group, hash);
  }
  const Host* host = nullptr;
  for (int i = 0; i < kHeldBackTries; ++i) {
    switch (balancer) {
      case Balancer::least_request:
      case Balancer::peak_ewma:
        host = least_loaded(view, now);
        break;
      case Balancer::random:
        host = any_of(view);
        break;
      default:
        host = next_in_turn(view);
        break;
    }
    if (!held_back(*host, now)) break;
  }
  return host;
}

const Host* Chooser::next_in_turn(GroupView& view) {
  const std::size_t turns = view.order.empty() ? view.hosts.size() : view.order.size();
  const std::size_t at = view.cursor;
  view.cursor = at + 1 == turns ? 0 : at + 1;
  return &cluster_->hosts()[view.hosts[view.order.empty() ? at : view.order[at]]];
}

const Host* Chooser::any_of(const GroupView& view) {
  const std::size_t turns = view.order.empty() ? view.hosts.size() : view.order.size();
  const std::size_t at = random_.below(turns);
  return &cluster_->hosts()[view.hosts[view.order.empty() ? at : view.order[at]]];
}

// The best of a few, drawn by weight.
const Host* Chooser::least_loaded(const GroupView& view, MonoTime now) {
  const auto& balancing = cluster_->image().balancing;
  const bool ewma = balancing.balancer == policy::Balancer::peak_ewma;
  const std::uint32_t choices = ewma ? 2 : std::clamp(balancing.choices, 1U, 64U);
  const Host* best = any_of(view);
  double least = cost(*best, now);
  for (std::uint32_t i = 1; i < choices; ++i) {
    const Host* other = any_of(view);
    // With few endpoints the same one comes twice often; look beside it instead.
    if (other == best && view.hosts.size() > 1 && view.order.empty()) {
      const auto at = random_.below(view.hosts.size() - 1);
      other = &cluster_->hosts()[view.hosts[at]];
      if (other == best) other = &cluster_->hosts()[view.hosts.back()];
    }
    const double costs = cost(*other, now);
    if (costs < least) {
      best = other;
      least = costs;
    }
  }
  return best;
}

double Chooser::cost(const Host& host, MonoTime now) const {
  const double load = host.endpoint->active() + 1.0;
  const auto& balancing = cluster_->image().balancing;
  if (balancing.balancer == policy::Balancer::peak_ewma) {
    return std::max(static_cast<double>(host.endpoint->latency(now)), 1e-9) * load;
  }
  const double share = load / std::max(host.weight, 1U);
  if (balancing.active_bias == policy::kWhole) return share;
  return std::pow(share, static_cast<double>(balancing.active_bias) / policy::kWhole);
}

const Host* Chooser::on_ring(const Level& level, const Group& group, std::uint64_t hash) const {
  std::size_t point = group.ring.find(hash);
  for (std::size_t i = 0; i < group.ring.size(); ++i, point = group.ring.after(point)) {
    const Host& host = cluster_->hosts()[group.hosts[group.ring.member(point)]];
    if (usable(level, host)) return &host;
  }
  return &cluster_->hosts()[group.hosts[group.ring.member(point)]];
}

const Host* Chooser::in_table(const Level& level, const Group& group, std::uint64_t hash) const {
  for (std::size_t i = 0; i < group.maglev.size(); ++i) {
    const Host& host = cluster_->hosts()[group.hosts[group.maglev.member(hash)]];
    if (usable(level, host)) return &host;
    // Scattered at first, so that the load of one that is out does not fall on one other; then in line.
    hash = i < 64 ? mix(hash) : hash + 1;
  }
  return &cluster_->hosts()[group.hosts[group.maglev.member(hash)]];
}

bool Chooser::omitted(const Host& host, const PickRequest& request) const {
  if (request.retry == nullptr) return false;
  const auto& retry = *request.retry;
  if (retry.omit_previous_hosts && std::ranges::find(request.tried, host.backend) != request.tried.end()) {
    return true;
  }
  return !retry.omit_hosts_with_tags.empty() &&
         std::ranges::all_of(retry.omit_hosts_with_tags, [&](const auto& tag) {
           return std::ranges::find(host.tags, tag) != host.tags.end();
         });
}

// The part of the load that a new endpoint does not get yet is passed on to the next one.
bool Chooser::held_back(const Host& host, MonoTime now) {
  const auto& slow = cluster_->slow_start();
  if (slow.window <= Nanos{0}) return false;
  const Nanos age = now - host.endpoint->since();
  if (age >= slow.window) return false;
  const auto window = static_cast<std::uint64_t>(slow.window.count());
  const auto grown = static_cast<std::uint64_t>(std::max<std::int64_t>(age.count(), 0));
  const std::uint64_t least = window / 100 * std::min(slow.min_percent, 100U);
  return !random_.chance(std::max(grown, least), window);
}

// When chance found only hosts that the retry omits: any other one of the priority.
const Host* Chooser::any_not_omitted(Level& level, const PickRequest& request) {
  const Host* found = nullptr;
  std::uint64_t seen = 0;
  for (const auto& view : level.groups) {
    for (const auto index : view.hosts) {
      const Host& host = cluster_->hosts()[index];
      if (!omitted(host, request) && random_.below(++seen) == 0) found = &host;
    }
  }
  return found;
}

}  // namespace sluice::upstream
