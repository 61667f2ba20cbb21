// What one record costs, both ends together: libssl's own layer, and Records with either home of the cipher.
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "tls/records.h"

namespace sluice::tls {
namespace {

constexpr std::array<std::byte, 32> kSecret{std::byte{7}};

void seal_and_open(benchmark::State& state, AeadHome home) {
  auto writer = Records::make({.read_secret = kSecret, .write_secret = kSecret, .home = home}, nullptr);
  auto reader = Records::make({.read_secret = kSecret, .write_secret = kSecret, .home = home}, nullptr);
  const std::vector<std::byte> plain(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
  for (auto _ : state) {
    auto opened = reader->open(writer->seal(plain));
    if (!opened || opened->size() != plain.size()) state.SkipWithError("a record was lost");
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(seal_and_open, best, AeadHome::best)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);
BENCHMARK_CAPTURE(seal_and_open, evp, AeadHome::evp)->Arg(64)->Arg(1024)->Arg(16384)->Arg(65536);

}  // namespace
}  // namespace sluice::tls
