// The socket calls that are made directly, not through a ring: they never wait.
#pragma once

#include "base/address.h"
#include "base/fd.h"
#include "base/result.h"

namespace sluice::io {

Result<Fd> open_listener(const SocketAddr& at, int backlog);
// Of the family of `towards`.
Result<Fd> open_tcp_socket(const SocketAddr& towards);
Result<> bind_socket(int fd, int family, const SocketAddr& at);

int family_of_socket(int fd);
SocketAddr address_of_socket(int fd);  // all zero when unknown
SocketAddr address_of_peer(int fd);

// Clears O_NONBLOCK, with which a ring would answer EAGAIN instead of waiting.
void let_it_wait(int fd);
// TCP_NODELAY: a relay writes whole messages, holding small ones back would only add delay. Listeners hand it
// down.
void send_without_delay(int fd);
// SO_LINGER 0: close() sends RST.
void reset_on_close(int fd);

}  // namespace sluice::io
