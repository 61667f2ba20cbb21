// Documents -> engine -> bytes -> Table gives the same answers as the slow reference, and the kernel's maps
// never contradict it, on random meshes until a million flows have been judged. SLUICE_SEED=N repeats a run,
// SLUICE_FLOWS=N makes it longer.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "decide.h"
#include "image_walk.h"
#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "random_mesh.h"
#include "reference.h"

namespace sluice::policy::property {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

struct World {
  Mesh mesh;
  Compiled compiled;
  std::shared_ptr<const Table> table;
  agent::KernelPlan image;
  std::map<std::string, const LocalWorkload*> by_name;
  std::uint64_t flows = 0;
};

void make(World& world, std::mt19937& random) {
  world.mesh = random_mesh(random);
  const auto text = documents(world.mesh);
  const auto checked = check_text(text, "random.yaml");
  ASSERT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text() << text;
  Numbers numbers;
  world.compiled = compile({checked.resources, "n", {}}, numbers);
  auto table = Table::decode(encode(world.compiled.table));
  ASSERT_TRUE(table) << table.error();
  world.table = *table;
  ASSERT_EQ(world.table->image(), world.compiled.table);
  world.image = image_of(world.compiled);
  for (const auto& workload : world.compiled.workloads) world.by_name[workload.name] = &workload;
}

// What the kernel decides alone may spare the proxy a connection, never overrule it: it passes what the table
// sends outside, denies what the table refuses, and captures the rest. What stays on loopback is nobody's but
// a declared outbound's.
void check_kernel(const World& world, const Dataplane& client, const SocketAddr& destination,
                  const std::string& verdict) {
  const auto action = walk_image(world.image, world.by_name.at(client.name)->id, destination);
  const unsigned wanted = verdict == "mesh" || verdict == "no_endpoints" ? SLUICE_ACTION_CAPTURE
                          : verdict == "outside"                         ? SLUICE_ACTION_PASS
                                                                         : SLUICE_ACTION_DENY;
  if (destination.ip.is_loopback() && action == SLUICE_ACTION_PASS) return;
  ASSERT_EQ(action, wanted) << client.name << " to " << destination.text() << ": table says " << verdict
                            << "\n"
                            << documents(world.mesh);
}

void check_admission(World& world, const Dataplane& server, const Dataplane& client) {
  const auto& identities = world.by_name.at(client.name)->identities;
  std::vector<std::string> spiffe;
  std::vector<std::string> kuma;
  for (const auto& uri : identities) (uri.starts_with("spiffe:") ? spiffe : kuma).push_back(uri);
  const Peer peer{spiffe, kuma, {}};
  for (const auto& inbound : server.inbounds) {
    const SocketAddr address{*IpAddr::parse(server.address), static_cast<std::uint16_t>(inbound.port)};
    const auto decision =
        world.table->admit(world.by_name.at(server.name)->id, OrigDst(address), &peer, ClientAddr());
    const auto* permit = std::get_if<Permit>(&decision);
    const std::string found = permit == nullptr ? "deny" : permit->shadow_denied() ? "shadow" : "allow";
    ASSERT_EQ(found, reference_admit(world.mesh, server, inbound, client))
        << client.name << " to " << server.name << ":" << inbound.port << "\n"
        << documents(world.mesh);
    ++world.flows;
  }
}

std::string describe(const OutboundDecision& decision, ReferenceRoute& out) {
  if (const auto* refusal = std::get_if<Refusal>(&decision)) {
    return refusal->reason == Reason::no_endpoints ? "no_endpoints" : "refused";
  }
  const auto& route = std::get<OutboundRoute>(decision);
  for (std::size_t i = 0; route.is_mesh() && i < route.size(); ++i)
    out.endpoints.insert(route.permit(i).address().text());
  const auto permit = route.permit(0);
  out.connect_seconds =
      static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(permit.connect_timeout()).count());
  out.idle_seconds =
      static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(permit.idle_timeout()).count());
  return route.is_mesh() ? "mesh" : "outside";
}

void check_route(World& world, const Dataplane& client, const std::string& destination) {
  const auto address = *SocketAddr::parse(destination);
  const auto wanted = reference_route(world.mesh, client, address);
  ReferenceRoute found;
  found.verdict =
      describe(world.table->route_outbound(world.by_name.at(client.name)->id, OrigDst(address)), found);
  const auto where = client.name + " to " + destination + "\n" + documents(world.mesh);
  ASSERT_EQ(found.verdict, wanted.verdict) << where;
  ASSERT_NO_FATAL_FAILURE(check_kernel(world, client, address, found.verdict));
  ASSERT_EQ(found.endpoints, wanted.endpoints) << where;
  if (wanted.verdict == "mesh" || wanted.verdict == "outside") {
    ASSERT_EQ(found.connect_seconds, wanted.connect_seconds) << where;
    ASSERT_EQ(found.idle_seconds, wanted.idle_seconds) << where;
  }
  ++world.flows;
}

std::vector<std::string> destinations(const World& world) {
  std::vector<std::string> out{"172.16.5.9:50", "172.16.5.9:51",    "172.20.0.1:52",   "192.0.2.7:50",
                               "192.0.2.8:50",  "198.51.100.3:443", "[2001:db8::1]:50"};
  for (const auto& dataplane : world.mesh.dataplanes) {
    out.push_back(dataplane.address + ":8001");
    out.push_back(dataplane.address + ":8002");
    out.push_back(dataplane.address + ":22");
  }
  for (int port = 9001; port < 9004; ++port) out.push_back("127.0.0.1:" + std::to_string(port));
  return out;
}

TEST(TableProperty, SameAsTheReference) {
  const auto seed = from_environment("SLUICE_SEED", std::random_device{}());
  std::printf("SLUICE_SEED=%u\n", seed);
  std::mt19937 random(seed);
  std::uint64_t flows = 0;
  while (flows < from_environment("SLUICE_FLOWS", 1'000'000)) {
    World world;
    ASSERT_NO_FATAL_FAILURE(make(world, random));
    const auto targets = destinations(world);
    for (const auto& client : world.mesh.dataplanes) {
      for (const auto& server : world.mesh.dataplanes)
        ASSERT_NO_FATAL_FAILURE(check_admission(world, server, client));
      for (const auto& target : targets) ASSERT_NO_FATAL_FAILURE(check_route(world, client, target));
    }
    flows += world.flows;
  }
  std::printf("%llu flows\n", static_cast<unsigned long long>(flows));
}

}  // namespace
}  // namespace sluice::policy::property
