// A server's inbound (or a client's outbound) with Lua filters on the simulated ring: a client that writes
// raw HTTP/1.1, the exchange under test, and an application that tells what it was asked.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exchange/serve.h"
#include "exchange/surroundings.h"
#include "tests/support/sim_ring.h"

namespace sluice::exchange {

struct TestClock final : Clock {
  MonoTime at{std::chrono::hours(1)};
  Nanos step{};  // each look takes so long
  MonoTime now() const override { return const_cast<TestClock*>(this)->at += step; }
  WallTime wall() const override { return {}; }
};

struct Told {
  std::string path;
  std::uint16_t status = 0;
  Reason reason = Reason::none;
  std::string rule;
};

class LuaLab final : public Surroundings {
 public:
  explicit LuaLab(std::uint64_t seed = 1, io::SimFaults faults = {}, LuaLimits limits = {});

  // Puts these filters into force.
  void filters(std::vector<policy::LuaFilter> list);
  void filter(std::string code, bool fail_open = false) { filters({one(std::move(code), fail_open)}); }
  static policy::LuaFilter one(std::string code, bool fail_open = false);

  // What comes back for these bytes on one connection until it ends.
  std::string ask(std::string bytes);
  // The same for many connections at a time; an entry is empty where the network broke.
  std::vector<std::string> ask_all(std::vector<std::string> requests);

  TestClock clock;
  policy::HttpTimeouts timeouts;
  bool is_outbound = false;
  std::optional<policy::Peer> proven;           // the client
  bool stops_in_body = false;                   // the client: before the last byte of what it should write
  std::function<void(std::size_t)> asked_once;  // the application: after so many requests
  std::vector<std::string> asked;               // the application: start line and fields of each request
  std::vector<Told> told;
  std::vector<std::string> log;
  std::map<Reason, int> counted;
  LuaScripts scripts;

  io::Ring& ring() override { return sim_.ring(); }
  Pool& pool() override { return *pool_; }
  LuaScripts& lua() override { return scripts; }
  Limiter& limiter() override { return limiter_; }
  std::shared_ptr<const policy::Table> table() override { return table_; }
  PoolKey key(const policy::Permit& permit) override { return {.address = permit.address()}; }
  io::Task<Result<std::unique_ptr<io::Stream>>> dial(std::shared_ptr<const policy::Table> table,
                                                     policy::Permit permit) override;
  upstream::Clusters& clusters() override { return clusters_; }
  void send_copy(Copy) override {}
  upstream::Random& random() override { return random_; }
  WallTime wall() override { return {}; }
  ClientAddr client() override { return ClientAddr(*SocketAddr::parse("10.0.0.1:4711")); }
  void report(const RequestReport& report) override;
  bool outbound() const override { return is_outbound; }
  WorkloadId workload() const override { return WorkloadId(1); }
  OrigDst destination() const override;
  const policy::Peer* peer() const override { return proven ? &*proven : nullptr; }
  HopTexts& hop_texts() override { return hop_texts_; }

 private:
  io::Task<void> scenario(const std::vector<std::string>* requests, std::vector<std::string>* answers);
  io::Task<void> proxy(io::Listener* listener);
  io::Task<void> serve(io::Socket socket);
  io::Task<void> application(io::Listener* listener);
  io::Task<void> apply(io::Socket socket);
  io::Task<void> answer(codec::ServerStream* stream);
  io::Task<void> ask_one(const std::string* bytes, std::string* answer);

  io::SimRing sim_;
  std::unique_ptr<Pool> pool_;  // of one ask()
  upstream::Buckets buckets_;
  Limiter limiter_{buckets_};
  upstream::Registry registry_{1};
  upstream::Clusters clusters_{registry_, 1};
  upstream::Random random_{1};
  HopTexts hop_texts_;
  std::shared_ptr<const policy::Table> table_;
};

}  // namespace sluice::exchange
