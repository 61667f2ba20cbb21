#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace sluice {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

struct Log::Sink {
  spdlog::logger logger;
  std::atomic<LogLevel> level;
};

std::string_view log_level_word(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

Log::Log(std::string component, LogLevel level)
    : sink_(new Sink{spdlog::logger(component, std::make_shared<spdlog::sinks::stderr_sink_mt>()), level}) {
  sink_->logger.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n: %v");
  sink_->logger.set_level(spdlog::level::trace);
  sink_->logger.flush_on(spdlog::level::debug);
}

Log::~Log() = default;

bool Log::enabled(LogLevel level) const {
  return level >= sink_->level.load(std::memory_order_relaxed);
}

void Log::set_level(LogLevel level) {
  sink_->level.store(level, std::memory_order_relaxed);
}

LogLevel Log::level() const {
  return sink_->level.load(std::memory_order_relaxed);
}

void Log::write(LogLevel level, std::string_view message) {
  sink_->logger.log(to_spdlog(level), "{}", message);
}

}  // namespace sluice
