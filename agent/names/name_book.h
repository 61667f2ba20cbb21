// The addresses of the names that documents give instead of addresses (endpoints of MeshExternalServices).
// A thread of its own asks for them, since that blocks, and asks anew when an answer's time is over. A name
// that has no answer keeps its last one for a while. Addresses that would lead back to the node itself
// (loopback, link-local, unspecified) and multicast are left out: whoever answers for a name outside must not
// name what is inside.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "names/dns_lookup.h"
#include "policy/engine/host_addresses.h"

namespace sluice::agent {

// Blocks for a bounded time, and not after a stop was asked for.
using LookUp = std::function<NameAnswers(const std::vector<std::string>& names, const std::stop_token& stop)>;

struct NameRules {
  // An answer holds as long as it says, within these bounds.
  Nanos ttl_min = std::chrono::seconds(5);
  Nanos ttl_max = std::chrono::minutes(5);
  // How soon it is asked again when there was no answer.
  Nanos again = std::chrono::seconds(10);
  // How long the last addresses are used when there is no such name any more, and when nobody answers.
  Nanos keep_gone = std::chrono::minutes(5);
  Nanos keep_silent = std::chrono::hours(24);
};

struct NameCounts {
  std::size_t fresh = 0;
  std::size_t kept = 0;
  std::size_t unknown = 0;
};

class NameBook {
 public:
  static constexpr std::size_t kNamesMax = 1024;
  static constexpr std::size_t kAddressesMax = 64;  // of one name
  static constexpr std::size_t kAtOnce = 64;        // names in one call of LookUp

  struct State {
    // kept: the last answer is too old, and there is no other. unknown: no address.
    enum class Kind : std::uint8_t { fresh, kept, unknown };
    Kind kind = Kind::unknown;
    std::size_t addresses = 0;
    std::string why{};  // kept, unknown
    Nanos since{};      // kept, unknown: how long it has been so
  };
  using States = std::map<std::string, State, std::less<>>;

  // `changed` is called by the thread whenever known() has changed, and never after this has died.
  NameBook(LookUp look_up, NameRules rules, std::function<void()> changed);
  ~NameBook();
  NameBook(const NameBook&) = delete;
  NameBook& operator=(const NameBook&) = delete;

  // What was known when the agent ended last; before the first want().
  void remember(policy::HostAddresses known);
  // New ones are looked up at once. Those above kNamesMax are left out.
  void want(const policy::HostNames& names);
  policy::HostAddresses known() const;
  States states() const;
  NameCounts counts() const;

 private:
  struct Shared;
  static void run(const std::stop_token& stop, Shared& shared);

  std::unique_ptr<Shared> shared_;
  std::jthread thread_;  // last, because it uses the others
};

}  // namespace sluice::agent
