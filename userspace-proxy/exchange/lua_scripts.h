// The Lua filters of one worker. A filter is compiled when its first message comes and kept, with its
// globals, across tables for as long as its code stays the same and it is used; each workload has its own.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"
#include "base/workload.h"
#include "lua/script.h"
#include "policy/table/table.h"

namespace sluice::exchange {

// What all scripts of a worker may use together.
struct LuaLimits {
  lua::ScriptLimits script{};  // its clock is set by LuaScripts
  std::size_t memory = std::size_t{64} << 20;
  Nanos unused_for = std::chrono::minutes(10);
  std::uint32_t lines_per_second = 20;  // of the log
};

class LuaScripts {
 public:
  // log: the operator's log. count: a failure that let its message pass.
  struct Sinks {
    std::function<void(LogLevel, std::string_view)> log;
    std::function<void(Reason)> count;
  };
  enum class Side : bool { request, response };
  // A filter, and for whom it runs.
  struct Place {
    const std::shared_ptr<const policy::Table>& table;
    WorkloadId workload;
    const policy::LuaFilter& filter;
  };

  LuaScripts(const Clock& clock, Sinks sinks, LuaLimits limits = {});
  ~LuaScripts();
  LuaScripts(const LuaScripts&) = delete;
  LuaScripts& operator=(const LuaScripts&) = delete;

  // A script that cannot be loaded sees every request, and fails.
  bool sees(const Place& place, Side side);
  bool wants_body(const Place& place, Side side);
  // Runs it, and tells the log what it has to say.
  lua::Verdict run(const Place& place, Side side, lua::Message& message);
  // What the script did cannot be done; it counts as failed.
  void complain(const policy::LuaFilter& filter, std::string_view problem) {
    say(LogLevel::warn, filter, problem);
  }
  // A failed filter let its message pass.
  void passed_open() { sinks_.count(Reason::lua_failed_open); }

  std::size_t size() const { return kept_.size(); }
  std::size_t memory() const { return memory_; }

 private:
  struct Kept;
  struct Key {
    const policy::LuaFilter* filter;
    WorkloadId workload;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  Kept& find(const Place& place);
  Kept& find_by_code(const Place& place);
  void new_table(const std::shared_ptr<const policy::Table>& table);
  void weigh(Kept& kept);
  void drop_oldest(const Kept& but);
  void tell(const policy::LuaFilter& filter, const lua::Verdict& verdict);
  void say(LogLevel level, const policy::LuaFilter& filter, std::string_view text);

  const Clock& clock_;
  Sinks sinks_;
  LuaLimits limits_;
  std::weak_ptr<const policy::Table> table_;  // whose filters by_place_ has
  std::unordered_map<Key, Kept*, KeyHash> by_place_;
  std::unordered_multimap<std::size_t, std::unique_ptr<Kept>> kept_;  // by a hash of workload and code
  std::size_t memory_ = 0;
  MonoTime swept_{};
  MonoTime second_{};  // of the log, and what was said in it
  std::uint32_t lines_ = 0;
  std::uint32_t unsaid_ = 0;
};

}  // namespace sluice::exchange
