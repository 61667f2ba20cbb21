#include "kernel/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

namespace sluice::kernel {
namespace {

constexpr std::size_t kKeep = 8192;

// libbpf's callback has no context argument, so the capture of this thread must be reachable from here.
LibbpfLog*& current() {
  thread_local LibbpfLog* log = nullptr;
  return log;
}

__attribute__((format(printf, 2, 0))) int print(libbpf_print_level level, const char* format, va_list args) {
  LibbpfLog* log = current();
  if (log == nullptr || level == LIBBPF_DEBUG) return 0;
  std::array<char, 16384> line;
  const int size = std::vsnprintf(line.data(), line.size(), format, args);
  if (size > 0)
    log->append(line.data(), std::min<std::size_t>(static_cast<std::size_t>(size), line.size() - 1));
  return size;
}

}  // namespace

LibbpfLog::LibbpfLog() : outer_(current()) {
  current() = this;
  libbpf_set_print(print);
}

LibbpfLog::~LibbpfLog() {
  current() = outer_;
}

void LibbpfLog::append(const char* bytes, std::size_t size) {
  text_.append(bytes, size);
  if (text_.size() > kKeep) text_.erase(0, text_.size() - kKeep);
}

}  // namespace sluice::kernel
