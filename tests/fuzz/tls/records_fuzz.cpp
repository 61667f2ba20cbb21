// The record parser: the input is what a peer that holds the keys might write, cut into pieces, with some
// records properly sealed so that their inside is reached.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tls/records.h"

using namespace sluice;
using namespace sluice::tls;

namespace {

constexpr std::array<std::byte, 32> kSecret{std::byte{7}};

// A first byte with its low bit set: the following length byte's worth of bytes, sealed under its type byte.
std::vector<std::byte> wire_of(std::span<const std::byte> input) {
  const TrafficSecret secret(Suite::aes_128_gcm, kSecret);
  const RecordKey key = secret.key(AeadHome::evp);
  std::vector<std::byte> wire;
  for (std::uint8_t sequence = 0; input.size() >= 3;) {
    const bool seal = (input[0] & std::byte{1}) == std::byte{1};
    const auto type = input[1];
    const auto size = std::min<std::size_t>(std::to_integer<std::size_t>(input[2]), input.size() - 3);
    const auto content = input.subspan(3, size);
    input = input.subspan(3 + size);
    if (!seal) {
      wire.insert(wire.end(), content.begin(), content.end());
      continue;
    }
    const std::size_t body = size + 1 + kTagSize;
    const std::array<std::byte, 5> header{std::byte{23}, std::byte{3}, std::byte{3},
                                          static_cast<std::byte>(body >> 8), static_cast<std::byte>(body)};
    const std::size_t at = wire.size();
    wire.resize(at + header.size() + body);
    std::copy(header.begin(), header.end(), wire.begin() + static_cast<std::ptrdiff_t>(at));
    Nonce nonce = key.iv;
    nonce.back() ^= static_cast<std::byte>(sequence++);
    key.cipher->seal(nonce, header, content, type, wire.data() + at + header.size());
  }
  return wire;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t step = 1 + data[0];
  const auto wire = wire_of(std::as_bytes(std::span(data + 1, size - 1)));
  auto records = Records::make({.read_secret = kSecret, .write_secret = kSecret}, nullptr);
  std::size_t got = 0;
  for (std::span<const std::byte> rest = wire; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), step));
    rest = rest.subspan(part.size());
    const auto plain = records->open(io::Chunk::copy_of(part));
    if (!plain) break;
    got += plain->size();
    if (records->has_notice()) (void)records->seal({});
  }
  if (got > wire.size()) __builtin_trap();
  return 0;
}
