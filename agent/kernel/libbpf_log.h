// What libbpf and the verifier say while one operation runs, for the Fault that reports its failure.
#pragma once

#include <string>

namespace sluice::kernel {

// While it lives, libbpf's messages of this thread go here instead of to standard error; the last 8 KiB are
// kept.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  const std::string& text() const { return text_; }
  void append(const char* bytes, std::size_t size);

 private:
  std::string text_;
  LibbpfLog* outer_;
};

}  // namespace sluice::kernel
