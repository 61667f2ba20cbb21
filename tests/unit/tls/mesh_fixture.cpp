#include "mesh_fixture.h"

namespace sluice::tls {

void carry(Engine& from, Engine& to) {
  const auto bytes = from.take_output();
  EXPECT_EQ(to.feed(bytes), bytes.size());
}

namespace {

void advance(Engine& engine, Result<void>& outcome) {
  if (!outcome) return;
  if (!engine.ready()) {
    if (const auto done = engine.step(); !done) outcome = std::unexpected(done.error());
    return;
  }
  std::byte nothing[1];
  if (const auto got = engine.decrypt(nothing); !got) outcome = std::unexpected(got.error());
}

}  // namespace

Outcomes join(Engine& client, Engine& server) {
  Outcomes out;
  for (int round = 0; round < 8; ++round) {
    advance(client, out.client);
    carry(client, server);
    advance(server, out.server);
    carry(server, client);
  }
  return out;
}

std::string read_all(Engine& engine) {
  std::string out;
  std::byte buffer[Engine::kRecordPlaintextMax];
  for (;;) {
    const auto got = engine.decrypt(buffer);
    EXPECT_TRUE(got);
    if (!got || *got == 0) return out;
    out.append(reinterpret_cast<const char*>(buffer), *got);
  }
}

}  // namespace sluice::tls
