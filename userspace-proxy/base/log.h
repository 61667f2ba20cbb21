// The operator's log: one line per event on standard error, `level` `component` message. Rare by design;
// connections go to the access log instead. Thread-safe. Never pass secrets or payload.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <string_view>

namespace sluice {

enum class LogLevel : unsigned char { debug, info, warn, error };

std::string_view log_level_word(LogLevel level);

class Log {
 public:
  // component: "keeper", "agent" or "proxy".
  explicit Log(std::string component, LogLevel level = LogLevel::info);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(LogLevel level) const;
  void set_level(LogLevel level);
  LogLevel level() const;
  void write(LogLevel level, std::string_view message);

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::debug)) write(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::info)) write(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::warn)) write(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::error)) write(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace sluice
