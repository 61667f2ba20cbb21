#include "kernel/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <string>

namespace sluice::kernel {
namespace {

int deliver(const nlmsghdr* message, void* context) {
  const auto& visit = *static_cast<const std::function<void(const nlmsghdr*)>*>(context);
  if (visit) visit(message);
  return MNL_CB_OK;
}

}  // namespace

void Netlink::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Outcome<Netlink> Netlink::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return fault_errno("open a netlink socket", errno);
  Netlink netlink(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return fault_errno("bind a netlink socket", errno);
  return netlink;
}

Outcome<> Netlink::ask(nlmsghdr* request, const char* what, const std::function<void(const nlmsghdr*)>& visit,
                       int fine) {
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) return fault_errno(what, errno);
  const unsigned port = mnl_socket_get_portid(socket_.get());
  std::array<char, 32768> buffer;
  for (;;) {
    const auto size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (size < 0) return fault_errno(what, errno);
    auto* context = const_cast<std::function<void(const nlmsghdr*)>*>(&visit);
    const int state =
        mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, port, deliver, context);
    if (state == MNL_CB_STOP) return {};
    if (state < 0) {
      if (fine != 0 && errno == fine) return {};
      return fault_errno(what, errno);
    }
  }
}

}  // namespace sluice::kernel
