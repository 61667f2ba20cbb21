#include "io/socket.h"

#include <cerrno>
#include <cstdlib>

namespace sluice::io {

Error socket_error(int sys_errno, Origin side, const char* step) {
  const bool client = side == Origin::downstream;
  switch (sys_errno) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return {client ? Reason::client_reset : Reason::upstream_reset, side, sys_errno, step};
    case ECONNREFUSED:
      return {Reason::upstream_refused, side, sys_errno, step};
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return {Reason::upstream_unreachable, side, sys_errno, step};
    case ETIMEDOUT:
      return {client ? Reason::client_reset : Reason::connect_timeout, side, sys_errno, step};
    case ENOBUFS:
    case ENOMEM:
      return {Reason::limit_memory, Origin::internal, sys_errno, step};
    default:
      return {Reason::internal_error, Origin::internal, sys_errno, step};
  }
}

SocketState::SocketState(Ring& ring, SocketHandle handle, Origin side, bool listening)
    : ring_(ring), handle_(handle), side_(side), listening_(listening), last_receive_(ring.now()) {
  ++ring_.sockets_;
}

Error SocketState::error(int sys_errno, const char* step) const {
  return cancelled() ? cancel_error_ : socket_error(sys_errno, side_, step);
}

void SocketState::cancel(Error why) {
  if (cancelled()) return;
  cancel_error_ = why;
  if (cancel_error_.sys_errno == 0) cancel_error_.sys_errno = ECANCELED;
  if (read_op_.in_flight() || write_op_.in_flight()) ring_.backend().cancel_all(handle_);
  if (reader_ != nullptr) ring_.wake(*std::exchange(reader_, nullptr));
  if (!write_op_.in_flight()) fail_writes(cancel_error_);
}

void SocketState::release(bool reset) {
  // Somebody would wait for ever on a socket that is gone.
  if (reader_ != nullptr || write_head_ != nullptr) std::abort();
  released_ = true;
  reset_ = reset;
  chunks_.clear();
  for (const SocketHandle handle : accepted_) ring_.backend().close(handle, true);
  accepted_.clear();
  ++ring_.closing_;
  if (read_op_.in_flight() || write_op_.in_flight()) ring_.backend().cancel_all(handle_);
  destroy_if_idle();
}

void SocketState::destroy_if_idle() {
  if (!released_ || read_op_.in_flight() || write_op_.in_flight()) return;
  ring_.backend().close(handle_, reset_);
  --ring_.closing_;
  --ring_.sockets_;
  delete this;
}

}  // namespace sluice::io
