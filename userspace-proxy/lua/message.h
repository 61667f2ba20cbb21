// What a script sees of one message and may change, and what it decided. Plain data; the caller copies the
// head in, and applies what `changed` says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::lua {

struct Field {
  std::string name;  // lower case; ":method", ":path", ":authority" and ":scheme" or ":status" come first
  std::string value;
  bool operator==(const Field&) const = default;
};

struct Message {
  std::vector<Field> fields;
  std::optional<std::string_view> body;  // nothing: it has none
  bool body_too_long = false;            // above the filter's bound: body() is an error
  bool body_unread = false;              // the caller has not collected it: body() ends in wants_body
  std::string_view protocol = "HTTP/1.1";
  std::string peer;      // the client's address, for streamInfo()
  bool changed = false;  // `fields` are not what they were
};

inline constexpr std::size_t kFieldsMax = 200;
inline constexpr std::size_t kFieldBytesMax = 60 * 1024;  // all names and values that a script may leave
inline constexpr std::size_t kAnswerBytesMax = 64 * 1024;
inline constexpr std::size_t kLogLinesMax = 16;
inline constexpr std::size_t kLogBytesMax = 512;  // of one line

struct LogLine {
  std::uint8_t level = 0;  // 0 trace .. 5 critical
  std::string text;        // control characters made harmless
};

struct Verdict {
  enum class Kind : std::uint8_t {
    go_on,
    respond,    // answer with `answer` and `body` instead
    failed,     // the script is wrong: `problem`
    overrun,    // it used up its instructions or its time
    memory,     // it wanted more memory than it may have
    wants_body  // it asked for a body that was not collected: collect it and call again
  };
  Kind kind = Kind::go_on;
  std::uint16_t status = 0;
  std::vector<Field> answer;
  std::string body;
  std::string problem;
  std::vector<LogLine> log;
  bool missed_body = false;  // it asked for a body that is longer than the bound
  bool not_loaded = false;   // it failed before there was a function to call
  // What the filter's policy decides: closed or open.
  bool broken() const { return kind == Kind::failed || kind == Kind::overrun || kind == Kind::memory; }
};

}  // namespace sluice::lua
