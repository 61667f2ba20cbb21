// libmicrohttpd behind one small class: a listening socket in, requests as plain values out. Each connection
// has a thread of its own, so a slow answer delays nobody else; their number is bounded.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/fd.h"
#include "base/log.h"
#include "base/result.h"
#include "control/http.h"
#include "control/peer.h"

namespace sluice::control {

// What a request turns into: the response and what runs once it is on the wire (may be empty).
struct Reply {
  Response response;
  std::function<void()> afterwards;
};

struct HttpLimits {
  unsigned connections_max = 32;
  unsigned connections_per_address_max = 0;  // 0: no such limit (unix sockets have one address)
  unsigned idle_seconds = 15;
  std::size_t header_bytes_max = 32 * 1024;
  std::size_t body_bytes_max = 0;
};

class HttpDaemon {
 public:
  using Handler = std::function<Reply(const Request&)>;  // called from connection threads
  using AccessOf = std::function<Access(int socket)>;    // peer of a connection; none is answered with 403

  static Outcome<std::unique_ptr<HttpDaemon>> start(int listener, const HttpLimits& limits,
                                                    AccessOf access_of, Handler handler, Log& log);
  // Stops accepting, lets running handlers finish, closes every connection.
  ~HttpDaemon();
  HttpDaemon(const HttpDaemon&) = delete;
  HttpDaemon& operator=(const HttpDaemon&) = delete;

 private:
  struct Parts;
  explicit HttpDaemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::control
