// The cases of the HTTP/2 conformance test: what is sent, and what has to come back. Names begin with the
// section of RFC 9113.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace sluice::codec {

struct Expect {
  enum class Kind : std::uint8_t {
    connection_error,
    stream_error,
    answered,
    not_answered,
    ping_ack,
    settings_acks
  };
  Kind kind;
  std::set<std::uint32_t> codes{};  // of the error
  std::uint32_t stream = 1;
  std::string payload{};  // of the PING
  std::size_t count = 1;  // of SETTINGS acknowledgements
};
inline Expect goaway(std::set<std::uint32_t> codes) {
  return {Expect::Kind::connection_error, std::move(codes)};
}
inline Expect rst(std::set<std::uint32_t> codes, std::uint32_t stream = 1) {
  return {Expect::Kind::stream_error, std::move(codes), stream};
}
inline Expect answer(std::uint32_t stream = 1) {
  return {Expect::Kind::answered, {}, stream};
}

struct Case {
  std::string name;
  std::string bytes;  // after preface and SETTINGS
  std::vector<Expect> expect;
  bool bare = false;  // `bytes` is all that is sent
};

// h2_frame_cases.cpp: sections 3 to 6 and the limits against floods.
std::vector<Case> connection_cases();
std::vector<Case> frame_cases();
std::vector<Case> size_cases();
std::vector<Case> flood_cases();
// h2_message_cases.cpp: header compression, stream states, and section 8.
std::vector<Case> compression_cases();
std::vector<Case> state_cases();
std::vector<Case> message_cases();

}  // namespace sluice::codec
