// Sockets inside a workload's network namespace. The keeper has one thread: it enters the namespace, makes a
// batch and goes back; not being able to go back ends the process, since everything after would happen in the
// wrong namespace.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "base/fd.h"
#include "base/message.h"

namespace sluice::keeper {

// errno of the step that failed.
template <typename T>
using SysResult = std::expected<T, int>;

class Namespaces {
 public:
  // Remembers the namespace the process is in now as the one to go back to.
  static Outcome<Namespaces> open();

  // Runs `make` inside `netns` (-1: here). setns(2) needs CAP_SYS_ADMIN.
  template <typename Make>
  auto inside(int netns, Make make) const -> decltype(make()) {
    if (netns < 0) return make();
    if (const int error = enter(netns); error != 0) return std::unexpected(error);
    auto made = make();
    go_back();
    return made;
  }

 private:
  explicit Namespaces(Fd home) : home_(std::move(home)) {}
  static int enter(int netns);
  void go_back() const;
  Fd home_;
};

// A listener for every address and any destination: [::]:0 dual stack (0.0.0.0:0 where IPv6 is off),
// transparent, so that getsockname() of an accepted socket is the original destination. Backlog 4096, capped
// by net.core.somaxconn. `local_hop`: who connects is an application of this namespace, over lo.
SysResult<Fd> make_listener(bool local_hop);

// A socket for the proxy to bind and connect. mesh_out: plain. app_in: transparent (may bind the client's
// address), free to share its port with others (they differ in their 4-tuple) and marked, so that the
// application's answers are routed to lo. Nonblocking, close-on-exec.
SysResult<Fd> make_upstream(message::SocketKind kind, bool ipv6, std::uint32_t mark);

}  // namespace sluice::keeper
