// Any value of grpc-timeout: refused, or a time that does not grow when it is written again.
#include <cstdlib>

#include "exchange/grpc.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace sluice::exchange;
  const auto timeout = read_grpc_timeout({reinterpret_cast<const char*>(data), size});
  if (!timeout) return 0;
  const auto again = read_grpc_timeout(write_grpc_timeout(*timeout));
  if (timeout->count() < 0 || !again || *again > *timeout) std::abort();
  return 0;
}
