// A rtnetlink socket of the namespace it is made in, over libmnl.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"

struct mnl_socket;
struct nlmsghdr;

namespace sluice::kernel {

class Netlink {
 public:
  // Belongs to the calling thread's network namespace.
  static Outcome<Netlink> open();

  // Sends one request and reads until its end; `visit` sees each message of the answer. `what` names the
  // request in the Fault. An errno in `fine` counts as success.
  Outcome<> ask(nlmsghdr* request, const char* what, const std::function<void(const nlmsghdr*)>& visit,
                int fine = 0);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace sluice::kernel
