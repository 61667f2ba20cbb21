#include "tests/sim/requests/lab_application.h"

#include <cerrno>
#include <cstdlib>

#include "codec/h2_server.h"
#include "io/scope.h"
#include "io/stream.h"
#include "io/within.h"

namespace sluice::lab {
namespace {

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string chunk(const std::string& text) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

std::string whole(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Path {
  std::string verb;
  std::vector<long> numbers;
};

// "/drip/3/100" of a request line.
Path path_of(const std::string& head) {
  const std::size_t from = head.find('/');
  const std::string path = head.substr(from, head.find(' ', from) - from);
  Path out;
  std::size_t at = 1;
  while (at <= path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string word = path.substr(at, end - at);
    if (at == 1) {
      out.verb = word;
    } else {
      out.numbers.push_back(std::strtol(word.c_str(), nullptr, 10));
    }
    at = end + 1;
  }
  out.numbers.resize(2);
  return out;
}

std::size_t content_length(const std::string& head) {
  const std::size_t at = head.find("content-length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

io::Task<Result<io::Chunk>> receive(io::Socket* socket) {
  co_return co_await socket->recv();
}

io::Task<bool> send(io::Socket* socket, std::string text) {
  co_return (co_await socket->send(bytes(text))).has_value();
}

}  // namespace

io::Task<void> Application::run(io::Listener* listener) {
  while (true) {
    auto socket = co_await listener->accept();
    if (socket)
      served_.spawn(serve(std::move(*socket)));
    else if (socket.error().sys_errno == ECANCELED)
      co_return;
    else if (!co_await ring_.sleep_for(Millis(1)))
      co_return;
  }
}

io::Task<void> Application::end() {
  served_.cancel();
  co_await served_.join();
}

io::Task<void> Application::serve(io::Socket socket) {
  ++connections;
  if (player != nullptr) {
    co_await player(&ring_, &socket, player_context);
  } else if (http_2_) {
    co_await serve_http_2(std::move(socket));
  } else {
    co_await serve_requests(&socket);
  }
  ++closed;
}

io::Task<void> Application::serve_http_2(io::Socket socket) {
  io::SocketStream stream(std::move(socket));
  codec::H2ServerSession session(ring_, stream, {}, {});
  io::Scope calls;
  while (true) {
    auto taken = co_await session.next();
    if (!taken || !*taken) break;
    calls.spawn(call(std::move(*taken)));
  }
  co_await calls.join();
  co_await session.close();
}

io::Task<void> Application::call(std::unique_ptr<codec::ServerStream> stream) {
  heads.emplace_back(stream->request().head);
  if (stream->request().target.path == "/never") {
    (void)co_await stream->gone();
    ++abandoned;
    co_return;
  }
  if (stream->request().target.path.starts_with("/grpc.health.")) {
    const auto part = co_await stream->read_body();
    if (part)
      checks.emplace_back(reinterpret_cast<const char*>(part->data.bytes().data()), part->data.size());
  }
  Said said = always;
  if (!next.empty()) {
    said = next.front();
    next.pop_front();
  }
  if (said.after > Nanos::zero() && !co_await ring_.sleep_for(said.after)) co_return;
  // A status says its number in an answer that is nothing but its trailers.
  std::string head = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n";
  if (said.status != 0) head += "grpc-status: " + std::to_string(said.status) + "\r\n";
  head += said.fields + "\r\n";
  http::HeadReader reader(http::HeadReader::Kind::response);
  const http::Response response = **http::read_response(reader, head, {});
  if (!co_await stream->answer(response, {}, said.status != 0) || said.status != 0) co_return;
  (void)co_await stream->finish(trailers);
}

io::Task<void> Application::serve_requests(io::Socket* socket) {
  std::string received;
  while (socket->valid()) {
    std::size_t end = 0;
    while ((end = received.find("\r\n\r\n")) == std::string::npos ||
           received.size() < end + 4 + content_length(received)) {
      const auto part = co_await socket->recv();
      if (!part || part->empty()) co_return;
      received.append(reinterpret_cast<const char*>(part->bytes().data()), part->size());
    }
    std::string head = received.substr(0, end + 4);
    received.erase(0, end + 4 + content_length(received));
    heads.push_back(head);
    if (!co_await answer(socket, std::move(head))) {
      ++abandoned;
      co_return;
    }
  }
}

// False when the client leaves meanwhile.
io::Task<bool> Application::wait(io::Socket* socket, Nanos time) {
  const Error over{Reason::none, Origin::internal, ETIME, "wait"};
  const auto part = co_await io::within(ring_, ring_.now() + time, over, receive(socket));
  co_return !part && part.error().sys_errno == ETIME;
}

io::Task<bool> Application::answer(io::Socket* socket, std::string head) {
  Said said = always;
  if (!next.empty()) {
    said = next.front();
    next.pop_front();
  }
  if (said.after > Nanos::zero() && !co_await wait(socket, said.after)) co_return false;
  if (said.status == kReset) {
    socket->close_with_reset();
    co_return true;
  }
  if (said.status != 0) {
    co_return co_await send(socket, "HTTP/1.1 " + std::to_string(said.status) + " Said\r\n" + said.fields +
                                        "content-length: 5\r\n\r\nsaid\n");
  }
  const Path path = path_of(head);
  const auto millis = [](long number) { return Nanos(Millis(number)); };
  if (path.verb == "never") {
    co_return co_await wait(socket, std::chrono::hours(100));
  }
  if (path.verb == "drip") {
    if (!co_await send(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk("tick ")))
      co_return false;
    for (long i = 1; i < path.numbers[0]; ++i) {
      if (!co_await wait(socket, millis(path.numbers[1]))) co_return false;
      if (!co_await send(socket, chunk("tick "))) co_return false;
    }
    co_return co_await send(socket, "0\r\n\r\n");
  }
  if (path.verb == "wait" && !co_await wait(socket, millis(path.numbers[0]))) co_return false;
  if (path.verb == "bytes")
    co_return co_await send(socket,
                            whole("200 OK", std::string(static_cast<std::size_t>(path.numbers[0]), 'x')));
  if (path.verb == "status")
    co_return co_await send(socket, whole(std::to_string(path.numbers[0]) + " Told", "told\n"));
  co_return co_await send(socket, whole("200 OK", head));
}

}  // namespace sluice::lab
