// HTTP/2 frames written and read byte by byte, right or wrong, for the conformance test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::codec::frames {

inline constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPush = 5,
                              kPing = 6, kGoaway = 7, kWindow = 8, kContinuation = 9;
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kWithPriority = 0x20;
inline constexpr std::uint32_t kNoError = 0, kProtocol = 1, kFlowControl = 3, kStreamClosed = 5,
                               kFrameSize = 6, kRefused = 7, kCancel = 8, kCompression = 9, kCalm = 11;

inline std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4) +
         std::string(payload);
}

// Literal without indexing, without Huffman (RFC 7541 section 6.2.2).
inline std::string text(std::string_view value) {
  std::string out;
  if (value.size() < 127) return out.append(1, static_cast<char>(value.size())).append(value);
  out.push_back(0x7f);
  std::size_t rest = value.size() - 127;
  for (; rest >= 128; rest /= 128) out.push_back(static_cast<char>(rest % 128 + 128));
  return out.append(1, static_cast<char>(rest)).append(value);
}
inline std::string field(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + text(name) + text(value);
}

using Fields = std::vector<std::pair<std::string, std::string>>;
inline std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += field(name, value);
  return out;
}
inline Fields get() {
  return {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "app"}};
}
inline Fields post() {
  return {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "app"}};
}
inline Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
inline Fields without(Fields fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& f) { return f.first == name; });
  return fields;
}
inline Fields changed(Fields fields, std::string_view name, std::string value) {
  for (auto& [key, old] : fields)
    if (key == name) old = value;
  return fields;
}

// A request that is whole.
inline std::string request(std::uint32_t stream, const Fields& fields = get()) {
  return frame(kHeaders, kEndHeaders | kEndStream, stream, block(fields));
}
// A request whose body follows.
inline std::string open(std::uint32_t stream, const Fields& fields = post()) {
  return frame(kHeaders, kEndHeaders, stream, block(fields));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool ends = false) {
  return frame(kData, ends ? kEndStream : 0, stream, bytes);
}
inline std::string setting(std::uint16_t id, std::uint32_t value) {
  return number(id, 2) + number(value, 4);
}
inline std::string settings(std::string_view payload = {}) {
  return frame(kSettings, 0, 0, payload);
}
inline std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
}

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
  std::uint32_t code() const {  // of RST_STREAM or GOAWAY
    const std::size_t at = type == kGoaway ? 4 : 0;
    std::uint32_t out = 0;
    for (std::size_t i = at; i < at + 4 && i < payload.size(); ++i)
      out = out << 8 | static_cast<std::uint8_t>(payload[i]);
    return out;
  }
};

inline std::vector<Frame> parse(std::string_view bytes) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i]));
  };
  std::vector<Frame> out;
  while (bytes.size() >= 9) {
    const std::size_t size = at(0) << 16 | at(1) << 8 | at(2);
    if (bytes.size() < 9 + size) break;
    const std::uint32_t stream = (at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)) & 0x7fffffff;
    out.push_back({static_cast<std::uint8_t>(at(3)), static_cast<std::uint8_t>(at(4)), stream,
                   std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return out;
}

}  // namespace sluice::codec::frames
