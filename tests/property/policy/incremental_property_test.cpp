// A Compiler that follows a random sequence of changes always gives what a fresh one gives: the table byte by
// byte, the kernel's intent, the local workloads and the diagnostics; and a Table that is built on the one
// before it, in the agent or the proxy, answers as one that is built alone. SLUICE_SEED=N repeats a run,
// SLUICE_STEPS=N makes it longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "answers.h"
#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "random_documents.h"

namespace sluice::policy::property {
namespace {

unsigned from_environment(const char* name, unsigned fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

std::string text_of(const std::vector<SocketAddr>& list) {
  std::string out;
  for (const auto& one : list) out += one.text() + " ";
  return out;
}

// Everything but the table.
std::string rest_of(const Compiled& compiled) {
  std::string out = compiled.diagnostics.text();
  for (const auto& mesh : compiled.kernel.meshes)
    out += std::to_string(mesh.number) + mesh.name + text_of(*mesh.destinations) + "\n";
  for (const auto& intent : compiled.kernel.workloads) {
    out += std::to_string(number(intent.id)) + "/" + std::to_string(intent.mesh) + "/" +
           std::to_string(static_cast<int>(intent.passthrough)) + text_of(intent.outbounds) +
           text_of(intent.inbounds);
    for (const auto& allowed : intent.allowed)
      out += allowed.prefix.base.text() + "/" + std::to_string(allowed.prefix.length) + ":" +
             std::to_string(allowed.first_port) + "-" + std::to_string(allowed.last_port) + " ";
    out += "\n";
  }
  for (const auto& local : compiled.workloads) {
    out += std::to_string(number(local.id)) + local.mesh + "/" + local.name + local.attach_to +
           local.origin.text();
    for (const auto& identity : local.identities) out += " " + identity;
    out += "\n";
  }
  return out;
}

struct Sequence {
  std::mt19937 random;
  std::map<std::string, std::string> texts;
  std::vector<std::pair<std::string, ResourcePtr>> resources;  // in the order in which the store has them
  HostAddresses hosts;
  Compiler follower;
  Numbers followers_numbers;
  Numbers fresh_numbers;
  std::shared_ptr<const Table> agents;  // as the agent built it last
  std::shared_ptr<const Table> table;   // as the proxy decoded it last
  std::size_t parts_kept = 0;
  std::size_t shared = 0;  // parts of a table that the proxy had already

  void change() {
    const auto document = random_document(random);
    const auto old = std::ranges::find(resources, document.key, &std::pair<std::string, ResourcePtr>::first);
    // Without its mesh nothing of it counts and everything is told of, so a mesh goes rarely.
    const unsigned stays = document.key.starts_with("Mesh/") ? 16 : 4;
    if (old != resources.end() && random() % stays == 0) {
      texts.erase(document.key);
      resources.erase(old);
      return;
    }
    auto checked = check_text(document.text, document.key);
    ASSERT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text() << document.text;
    ASSERT_EQ(checked.resources.size(), 1U) << document.text;
    texts[document.key] = document.text;
    auto resource = std::make_shared<const Resource>(std::move(checked.resources.front()));
    if (old != resources.end())
      old->second = std::move(resource);
    else
      resources.insert(resources.begin() + static_cast<std::ptrdiff_t>(random() % (resources.size() + 1)),
                       {document.key, std::move(resource)});
  }

  std::string world() const {
    std::string out;
    for (const auto& [key, text] : texts) out += "--- # " + key + "\n" + text;
    return out;
  }

  void compare() {
    std::vector<ResourcePtr> pointers;
    for (const auto& [key, resource] : resources) pointers.push_back(resource);
    const auto followed = follower.compile(pointers, "n", {}, followers_numbers, hosts);
    const auto fresh = Compiler().compile(pointers, "n", {}, fresh_numbers, hosts);
    ASSERT_EQ(rest_of(followed), rest_of(fresh)) << world();
    ASSERT_EQ(encode(followed.table), encode(fresh.table)) << world();
    const auto& work = follower.work();
    if (work.meshes == 0) parts_kept += 2 * followed.workloads.size() - work.inbounds - work.outbounds;
    ASSERT_NO_FATAL_FAILURE(hand_over(followed.table));
  }

  // The proxy shares what it had, and has the same table all the same.
  void hand_over(const TableImage& image) {
    const auto built = Table::build(image);
    ASSERT_TRUE(built) << built.error() << world();
    const auto alone = answers(**built);
    const auto followed = Table::build(image, agents.get());
    ASSERT_TRUE(followed) << followed.error() << world();
    ASSERT_EQ(answers(**followed), alone) << world();
    agents = *followed;
    const auto bytes = encode(image);
    const auto decoded = Table::decode(bytes, table.get());
    ASSERT_TRUE(decoded) << decoded.error();
    ASSERT_EQ((*decoded)->image(), image);
    ASSERT_EQ(encode((*decoded)->image()), bytes);
    ASSERT_EQ((*decoded)->content_hash(), (*built)->content_hash());
    ASSERT_EQ(answers(**decoded), alone) << world();
    for (std::size_t i = 0; table && i < image.workloads.size() && i < table->image().workloads.size(); ++i)
      shared += (*decoded)->image().workloads.parts()[i] == table->image().workloads.parts()[i] ? 1 : 0;
    table = *decoded;
  }
};

TEST(IncrementalProperty, SameAsAFullCompilation) {
  const auto seed = from_environment("SLUICE_SEED", std::random_device{}());
  std::printf("SLUICE_SEED=%u\n", seed);
  Sequence sequence;
  sequence.random.seed(seed);
  while (!sequence.texts.contains("Mesh//default") || !sequence.texts.contains("Mesh//other"))
    ASSERT_NO_FATAL_FAILURE(sequence.change());
  const auto steps = from_environment("SLUICE_STEPS", 400);
  for (unsigned step = 0; step < steps; ++step) {
    for (auto changes = sequence.random() % 3 + 1; changes > 0; --changes)
      ASSERT_NO_FATAL_FAILURE(sequence.change());
    if (sequence.random() % 4 == 0) sequence.hosts = random_hosts(sequence.random);
    ASSERT_NO_FATAL_FAILURE(sequence.compare());
  }
  std::printf("%zu parts of local workloads and %zu parts of tables were used again\n", sequence.parts_kept,
              sequence.shared);
  EXPECT_GT(sequence.parts_kept, steps / 10);
  EXPECT_GT(sequence.shared, steps / 10);
}

}  // namespace
}  // namespace sluice::policy::property
