// The application behind api and far: what it does with a request is said by the request's path.
//   /echo           200, the request's head as the body
//   /wait/MS        the same after MS milliseconds
//   /drip/N/MS      200 in N pieces ("tick "), MS milliseconds before each but the first
//   /bytes/N        200 with N bytes
//   /status/CODE    that status
//   /never          nothing
// Over HTTP/2 every other path than /never is answered as gRPC, with its status in trailers.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "codec/message_stream.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/socket.h"

namespace sluice::lab {

class Application {
 public:
  Application(io::Ring& ring, bool http_2) : ring_(ring), http_2_(http_2) {}

  // Until cancelled.
  io::Task<void> run(io::Listener* listener);
  // Ends its connections.
  io::Task<void> end();

  // What it does instead of what paths say: for the next requests, in their order, then for all others.
  struct Said {
    int status = 0;        // 0: as the path says; kReset: the connection breaks off instead of an answer
    std::string fields{};  // lines of the answer's head
    Nanos after{};
  };
  static constexpr int kReset = -1;
  std::deque<Said> next;
  Said always;
  std::string trailers = "grpc-status: 0\r\n";  // over HTTP/2

  // What it has seen.
  std::vector<std::string> heads;
  std::vector<std::string> checks;  // bodies of gRPC health checks
  int connections = 0;
  int abandoned = 0;  // requests whose connection was closed or reset before the whole answer was out
  int closed = 0;     // connections that have ended
  // Serves each connection instead, where it is set.
  io::Task<void> (*player)(io::Ring* ring, io::Socket* socket, void* context) = nullptr;
  void* player_context = nullptr;

 private:
  io::Task<void> serve(io::Socket socket);
  io::Task<void> serve_requests(io::Socket* socket);
  io::Task<void> serve_http_2(io::Socket socket);
  io::Task<void> call(std::unique_ptr<codec::ServerStream> stream);
  io::Task<bool> answer(io::Socket* socket, std::string head);
  io::Task<bool> wait(io::Socket* socket, Nanos time);

  io::Ring& ring_;
  const bool http_2_;
  io::Scope served_;
};

}  // namespace sluice::lab
