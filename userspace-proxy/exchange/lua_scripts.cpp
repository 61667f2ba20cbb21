#include "exchange/lua_scripts.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace sluice::exchange {
namespace {

constexpr Nanos kSweepEvery = std::chrono::minutes(1);

LogLevel level_of(std::uint8_t level) {
  if (level <= 1) return LogLevel::debug;
  if (level == 2) return LogLevel::info;
  return level == 3 ? LogLevel::warn : LogLevel::error;
}

// Part of it may be a client's.
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out,
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f; },
      '?');
  return out;
}

}  // namespace

struct LuaScripts::Kept {
  WorkloadId workload;
  std::string name;
  std::string code;
  std::unique_ptr<lua::Script> script;  // null: it cannot be loaded
  std::string problem;
  MonoTime used;
  std::size_t memory = 0;
};

std::size_t LuaScripts::KeyHash::operator()(const Key& key) const {
  return std::hash<const void*>()(key.filter) ^ (std::size_t{number(key.workload)} * 0x9e3779b97f4a7c15ULL);
}

LuaScripts::LuaScripts(const Clock& clock, Sinks sinks, LuaLimits limits)
    : clock_(clock), sinks_(std::move(sinks)), limits_(limits) {
  limits_.script.clock = &clock_;
}
LuaScripts::~LuaScripts() = default;

bool LuaScripts::sees(const Place& place, Side side) {
  const Kept& kept = find(place);
  if (kept.script == nullptr) return side == Side::request;
  return side == Side::request ? kept.script->sees_requests() : kept.script->sees_responses();
}

bool LuaScripts::wants_body(const Place& place, Side side) {
  const Kept& kept = find(place);
  if (kept.script == nullptr) return false;
  return side == Side::request ? kept.script->wants_request_body() : kept.script->wants_response_body();
}

lua::Verdict LuaScripts::run(const Place& place, Side side, lua::Message& message) {
  Kept& kept = find(place);
  lua::Verdict verdict;
  if (kept.script == nullptr) {
    verdict.kind = lua::Verdict::Kind::failed;
    verdict.problem = kept.problem;
    verdict.not_loaded = true;
  } else {
    verdict = side == Side::request ? kept.script->on_request(message) : kept.script->on_response(message);
    weigh(kept);
  }
  tell(place.filter, verdict);
  return verdict;
}

LuaScripts::Kept& LuaScripts::find(const Place& place) {
  const bool same = !table_.owner_before(place.table) && !place.table.owner_before(table_);
  if (!same) new_table(place.table);
  const auto known = by_place_.find({&place.filter, place.workload});
  Kept& kept = known != by_place_.end() ? *known->second : find_by_code(place);
  kept.used = clock_.now();
  return kept;
}

LuaScripts::Kept& LuaScripts::find_by_code(const Place& place) {
  const auto& filter = place.filter;
  const std::size_t hash =
      std::hash<std::string_view>()(filter.code) ^ KeyHash()({.filter = nullptr, .workload = place.workload});
  const auto [first, last] = kept_.equal_range(hash);
  auto found = std::find_if(first, last, [&](const auto& entry) {
    return entry.second->workload == place.workload && entry.second->name == filter.name &&
           entry.second->code == filter.code;
  });
  if (found == last) {
    auto made = std::make_unique<Kept>(place.workload, filter.name, filter.code);
    auto script = lua::Script::load(filter.name, filter.code, limits_.script);
    if (script)
      made->script = std::move(*script);
    else
      made->problem = std::move(script.error());
    found = kept_.emplace(hash, std::move(made));
    weigh(*found->second);
  }
  by_place_[{&filter, place.workload}] = found->second.get();
  return *found->second;
}

// What the table before had at an address, this one may have something else at.
void LuaScripts::new_table(const std::shared_ptr<const policy::Table>& table) {
  table_ = table;
  by_place_.clear();
  const MonoTime now = clock_.now();
  if (now - swept_ < kSweepEvery) return;
  swept_ = now;
  std::erase_if(kept_, [&](const auto& entry) {
    const bool idle = now - entry.second->used > limits_.unused_for;
    if (idle) memory_ -= entry.second->memory;
    return idle;
  });
}

void LuaScripts::weigh(Kept& kept) {
  const std::size_t now = 2 * kept.code.size() + (kept.script == nullptr ? 0 : kept.script->memory());
  memory_ += now - kept.memory;
  kept.memory = now;
  while (memory_ > limits_.memory && kept_.size() > 1) drop_oldest(kept);
}

void LuaScripts::drop_oldest(const Kept& but) {
  auto oldest = kept_.end();
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (at->second.get() == &but) continue;
    if (oldest == kept_.end() || at->second->used < oldest->second->used) oldest = at;
  }
  memory_ -= oldest->second->memory;
  std::erase_if(by_place_, [&](const auto& entry) { return entry.second == oldest->second.get(); });
  kept_.erase(oldest);
}

void LuaScripts::tell(const policy::LuaFilter& filter, const lua::Verdict& verdict) {
  for (const auto& line : verdict.log) say(level_of(line.level), filter, line.text);
  if (verdict.broken()) say(LogLevel::warn, filter, "failed: " + verdict.problem);
}

void LuaScripts::say(LogLevel level, const policy::LuaFilter& filter, std::string_view text) {
  const MonoTime now = clock_.now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
    if (unsaid_ != 0) {
      sinks_.log(LogLevel::warn, fmt::format("Lua filters: {} lines too many were left out", unsaid_));
    }
    unsaid_ = 0;
  }
  if (lines_ >= limits_.lines_per_second) {
    ++unsaid_;
    return;
  }
  ++lines_;
  sinks_.log(level, fmt::format("Lua filter {}: {}", printable(filter.name), printable(text)));
}

}  // namespace sluice::exchange
