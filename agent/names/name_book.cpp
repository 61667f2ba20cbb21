#include "names/name_book.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace sluice::agent {
namespace {

using Steady = std::chrono::steady_clock;
using Kind = NameAnswer::Kind;

bool leads_outside(const IpAddr& ip) {
  if (ip.is_loopback() || ip.is_unspecified()) return false;
  const auto& b = ip.bytes;
  if (ip.is_v4()) return b[12] != 0 && b[12] != 127 && b[12] < 224 && !(b[12] == 169 && b[13] == 254);
  return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0U) == 0x80);
}

std::vector<IpAddr> tidy(std::vector<IpAddr> found) {
  std::erase_if(found, [](const IpAddr& ip) { return !leads_outside(ip); });
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  if (found.size() > NameBook::kAddressesMax) found.resize(NameBook::kAddressesMax);
  return found;
}

struct Entry {
  std::vector<IpAddr> addresses{};
  MonoTime due{};                       // when it is asked for
  std::optional<MonoTime> bad_since{};  // there has been no answer since then
  std::string why{};
};

}  // namespace

struct NameBook::Shared {
  Shared(LookUp how, NameRules what, std::function<void()> tell)
      : look_up(std::move(how)), rules(what), changed(std::move(tell)) {}

  // Those that have waited longest come first.
  std::vector<std::string> due_names(MonoTime now) const;
  MonoTime next_due() const;
  bool take(Entry& entry, NameAnswer answer, MonoTime now) const;
  bool take_all(const std::vector<std::string>& names, NameAnswers answers, MonoTime now);

  const LookUp look_up;
  const NameRules rules;
  const std::function<void()> changed;
  mutable std::mutex mutex;
  std::condition_variable_any news;
  // Guarded by mutex.
  std::map<std::string, Entry> entries;
  policy::HostAddresses remembered;
  bool fresh = false;  // entries have come
};

std::vector<std::string> NameBook::Shared::due_names(MonoTime now) const {
  std::vector<std::pair<MonoTime, std::string>> due;
  for (const auto& [name, entry] : entries) {
    if (entry.due <= now) due.emplace_back(entry.due, name);
  }
  std::ranges::sort(due);
  std::vector<std::string> out;
  for (auto& [when, name] : due) {
    if (out.size() < kAtOnce) out.push_back(std::move(name));
  }
  return out;
}

MonoTime NameBook::Shared::next_due() const {
  auto out = MonoTime::max();
  for (const auto& [name, entry] : entries) out = std::min(out, entry.due);
  return out;
}

// True when the addresses are others than before.
bool NameBook::Shared::take(Entry& entry, NameAnswer answer, MonoTime now) const {
  auto found = tidy(std::move(answer.addresses));
  if (answer.kind == Kind::found && !found.empty()) {
    entry.due = now + std::clamp(answer.ttl, rules.ttl_min, rules.ttl_max);
    entry.bad_since.reset();
    entry.why.clear();
    return std::exchange(entry.addresses, found) != found;
  }
  entry.due = now + rules.again;
  entry.why = answer.kind == Kind::found ? "none of its addresses lies outside the node" : answer.why;
  if (!entry.bad_since) entry.bad_since = now;
  const auto keep = answer.kind == Kind::failed ? rules.keep_silent : rules.keep_gone;
  if (now - *entry.bad_since < keep) return false;
  return !std::exchange(entry.addresses, {}).empty();
}

bool NameBook::Shared::take_all(const std::vector<std::string>& names, NameAnswers answers, MonoTime now) {
  bool out = false;
  for (const auto& name : names) {
    // It may be wanted no more.
    if (const auto entry = entries.find(name); entry != entries.end())
      out = take(entry->second, std::move(answers[name]), now) || out;
  }
  return out;
}

NameBook::NameBook(LookUp look_up, NameRules rules, std::function<void()> changed)
    : shared_(std::make_unique<Shared>(std::move(look_up), rules, std::move(changed))) {}

NameBook::~NameBook() = default;

void NameBook::remember(policy::HostAddresses known) {
  const std::lock_guard lock(shared_->mutex);
  shared_->remembered = std::move(known);
}

void NameBook::want(const policy::HostNames& names) {
  {
    const std::lock_guard lock(shared_->mutex);
    auto& entries = shared_->entries;
    std::erase_if(entries, [&](const auto& entry) { return !names.contains(entry.first); });
    for (const auto& name : names) {
      if (entries.size() >= kNamesMax) break;
      const auto [entry, is_new] = entries.try_emplace(name);
      if (!is_new) continue;
      shared_->fresh = true;
      entry->second.bad_since = Steady::now();
      entry->second.why = "nobody has answered yet";
      if (const auto before = shared_->remembered.find(name); before != shared_->remembered.end())
        entry->second.addresses = tidy(before->second);
    }
    shared_->remembered.clear();
    shared_->news.notify_all();
    if (entries.empty() || thread_.joinable()) return;
  }
  thread_ = std::jthread([shared = shared_.get()](const std::stop_token& stop) { run(stop, *shared); });
}

policy::HostAddresses NameBook::known() const {
  const std::lock_guard lock(shared_->mutex);
  auto out = shared_->remembered;  // nothing once names were wanted
  for (const auto& [name, entry] : shared_->entries) {
    if (!entry.addresses.empty()) out[name] = entry.addresses;
  }
  return out;
}

NameBook::States NameBook::states() const {
  const MonoTime now = Steady::now();
  const std::lock_guard lock(shared_->mutex);
  States out;
  for (const auto& [name, entry] : shared_->entries) {
    auto& state = out[name];
    state.addresses = entry.addresses.size();
    state.kind = entry.addresses.empty() ? State::Kind::unknown
                 : entry.bad_since       ? State::Kind::kept
                                         : State::Kind::fresh;
    state.why = entry.why;
    if (entry.bad_since) state.since = now - *entry.bad_since;
  }
  return out;
}

NameCounts NameBook::counts() const {
  NameCounts out;
  for (const auto& [name, state] : states())
    ++(state.kind == State::Kind::fresh  ? out.fresh
       : state.kind == State::Kind::kept ? out.kept
                                         : out.unknown);
  return out;
}

void NameBook::run(const std::stop_token& stop, Shared& shared) {
  std::unique_lock lock(shared.mutex);
  while (!stop.stop_requested()) {
    const auto names = shared.due_names(Steady::now());
    shared.fresh = false;
    if (names.empty()) {
      const auto until = std::min<MonoTime>(shared.next_due(), Steady::now() + std::chrono::hours(1));
      shared.news.wait_until(lock, stop, until, [&] { return shared.fresh; });
      continue;
    }
    lock.unlock();
    auto answers = shared.look_up(names, stop);
    lock.lock();
    if (stop.stop_requested() || !shared.take_all(names, std::move(answers), Steady::now())) continue;
    lock.unlock();
    shared.changed();
    lock.lock();
  }
}

}  // namespace sluice::agent
