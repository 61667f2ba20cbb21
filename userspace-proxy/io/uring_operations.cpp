// The operations, and what is asked of sockets directly.
#include <netinet/in.h>
#include <poll.h>

#include <cerrno>

#include "io/socket_state.h"
#include "io/tcp_socket.h"
#include "io/uring_loop.h"

namespace sluice::io {
namespace {

constexpr unsigned kReceiveBudget = kReceiveHigh;

}  // namespace

void UringBackend::accept(Operation& op, SocketHandle listener) {
  io_uring_sqe& sqe = start_op(op, kAccept);
  if (found_.multishot_accept) {
    io_uring_prep_multishot_accept(&sqe, listener.number, nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_accept(&sqe, listener.number, nullptr, nullptr, SOCK_CLOEXEC);
  }
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

bool UringBackend::connection_waits(SocketHandle listener) const {
  pollfd entry{listener.number, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

void UringBackend::receive(Operation& op, SocketHandle socket, BufferClass buffers) {
  if (!found_.provided_buffers) return receive_heap(op, socket);
  const bool large = buffers == BufferClass::large;
  io_uring_sqe& sqe = start_op(op, large ? kLarge : kSmall);
  if (found_.multishot_receive) {
    io_uring_prep_recv_multishot(&sqe, socket.number, nullptr, 0, 0);
    if (found_.receive_budget) set_receive_budget(sqe, kReceiveBudget);
  } else {
    io_uring_prep_recv(&sqe, socket.number, nullptr, 0, 0);
  }
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = large ? large_.group() : small_.group();
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::receive_heap(Operation& op, SocketHandle socket) {
  io_uring_sqe& sqe = start_op(op, kHeap);
  Chunk& chunk = heap_receives_[&op] = Chunk::heap(kSmallBuffer);
  io_uring_prep_recv(&sqe, socket.number, chunk.writable().data(), chunk.size(), 0);
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

WriteRecord& UringBackend::record(Operation& op) {
  if (free_records_.empty()) free_records_.push_back(std::make_unique<WriteRecord>());
  WriteRecord* taken = free_records_.back().release();
  free_records_.pop_back();
  op.backend_data = taken;
  return *taken;
}

void UringBackend::send(Operation& op, SocketHandle socket,
                        std::span<const std::span<const std::byte>> parts) {
  io_uring_sqe& sqe = start_op(op, kSend);
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  if (parts.size() == 1) {
    io_uring_prep_send(&sqe, socket.number, parts[0].data(), parts[0].size(), kFlags);
  } else {
    WriteRecord& held = record(op);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      held.parts[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
    }
    held.header = {};
    held.header.msg_iov = held.parts.data();
    held.header.msg_iovlen = parts.size();
    io_uring_prep_sendmsg(&sqe, socket.number, &held.header, kFlags);
  }
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::connect(Operation& op, SocketHandle socket, const SocketAddr& to) {
  WriteRecord& held = record(op);
  unsigned length = to.to(held.address, socket.ipv4 ? AF_INET : AF_INET6);
  if (length == 0) {  // IPv6 by an IPv4 socket: the kernel's own refusal
    held.address.ss_family = AF_INET6;
    length = sizeof(sockaddr_in6);
  }
  io_uring_sqe& sqe = start_op(op, kSend);
  io_uring_prep_connect(&sqe, socket.number, reinterpret_cast<sockaddr*>(&held.address), length);
  target(sqe, socket);  // a connected one: EISCONN
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

// The ring would hand a shutdown to a thread of its own, which costs two changes of context per connection;
// where there is a descriptor the system call is cheaper, and it never waits.
void UringBackend::shutdown_write(Operation& op, SocketHandle socket) {
  if (!socket.direct) {
    op.started();
    op.backend_tag = reinterpret_cast<std::uintptr_t>(&op) | kPlain;
    const int result = ::shutdown(socket.number, SHUT_WR) == 0 ? 0 : -errno;
    early_.push_back({op.backend_tag, result, 0});
    return;
  }
  io_uring_sqe& sqe = start_op(op, kPlain);
  io_uring_prep_shutdown(&sqe, socket.number, SHUT_WR);
  target(sqe, socket);
  io_uring_sqe_set_data64(&sqe, op.backend_tag);
}

void UringBackend::cancel(Operation& op) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel64(&sqe, op.backend_tag, 0);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

void UringBackend::cancel_all(SocketHandle socket) {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_cancel_fd(&sqe, socket.number,
                          IORING_ASYNC_CANCEL_ALL | (socket.direct ? IORING_ASYNC_CANCEL_FD_FIXED : 0U));
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

void UringBackend::close(SocketHandle socket, bool reset) {
  if (socket.direct && reset) {
    // Dissolving the association sends the RST; there is no descriptor to set SO_LINGER on.
    static const sockaddr kNowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    io_uring_sqe& sqe = next_sqe();
    io_uring_prep_connect(&sqe, socket.number, &kNowhere, sizeof(kNowhere));
    sqe.flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(&sqe, kIgnored);
  } else if (reset) {
    reset_on_close(socket.number);
  }
  io_uring_sqe& sqe = next_sqe();
  if (socket.direct) {
    io_uring_prep_close_direct(&sqe, static_cast<unsigned>(socket.number));
    table_.release(socket.number);
  } else {
    io_uring_prep_close(&sqe, socket.number);
  }
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&sqe, kIgnored);
}

// ---- sockets

SocketHandle UringBackend::adopt(Fd socket) {
  let_it_wait(socket.get());
  send_without_delay(socket.get());
  const bool ipv4 = family_of_socket(socket.get()) == AF_INET;
  return {.number = socket.release(), .ipv4 = ipv4};
}

SocketHandle UringBackend::settle(SocketHandle connected) {
  if (connected.direct || connected.number < options_.direct_from || !table_.has_room()) return connected;
  const int fd = connected.number;
  const UringTable::Slot slot = table_.take(fd, address_of_socket(fd), address_of_peer(fd));
  io_uring_sqe& update = next_sqe();
  io_uring_prep_files_update(&update, slot.descriptor, 1, slot.number);
  update.flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(&update, kIgnored);
  close(connected, false);  // the table has its own hold on the socket; operations run in order
  return {.number = slot.number, .direct = true};
}

Result<SocketHandle> UringBackend::make_listener(const SocketAddr& at, int backlog) {
  auto fd = open_listener(at, backlog);
  if (!fd) return std::unexpected(fd.error());
  return adopt(std::move(*fd));
}

Result<SocketHandle> UringBackend::make_socket(const SocketAddr& towards) {
  auto fd = open_tcp_socket(towards);
  if (!fd) return std::unexpected(fd.error());
  return adopt(std::move(*fd));
}

Result<> UringBackend::bind(SocketHandle socket, const SocketAddr& at) {
  return bind_socket(socket.direct ? -1 : socket.number, socket.ipv4 ? AF_INET : AF_INET6,
                     at);  // EBADF: a connected socket has its address
}

SocketAddr UringBackend::local_address(SocketHandle socket) const {
  return socket.direct ? table_.local(socket.number) : address_of_socket(socket.number);
}

SocketAddr UringBackend::peer_address(SocketHandle socket) const {
  return socket.direct ? table_.peer(socket.number) : address_of_peer(socket.number);
}

}  // namespace sluice::io
