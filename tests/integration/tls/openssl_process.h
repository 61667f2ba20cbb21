// The openssl program as a child of a test: killed and reaped with the object, its output awaited with a
// deadline.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"

namespace sluice::tls {

class OpensslProcess {
 public:
  // Arguments without the program's name, e.g. {"s_client", "-connect", "127.0.0.1:1"}.
  explicit OpensslProcess(std::vector<std::string> arguments);
  ~OpensslProcess();
  OpensslProcess(const OpensslProcess&) = delete;
  OpensslProcess& operator=(const OpensslProcess&) = delete;

  void write(const std::string& text);
  // Everything it printed so far, once `needle` is in it or it closed its output; empty when 10 s were not
  // enough.
  std::string read_until(const std::string& needle);

 private:
  pid_t pid_ = -1;
  Fd input_;
  Fd output_;
  std::string printed_;
};

}  // namespace sluice::tls
