// Handshakes of scripts/bench against a proxy's mutual TLS listener, one thread, epoll.
//   bench_tls handshakes|resumptions|idle HOST PORT CONNECTIONS SECONDS DIRECTORY NAME ALPN
// DIRECTORY holds NAME.crt, NAME.key and ca.crt. An ALPN other than "-" is offered, and an HTTP/2 preface
// follows. handshakes and resumptions warm up for a second, print "measure", work for SECONDS and print "done
// UNITS FAILED"; idle opens CONNECTIONS, prints "measure", holds them for SECONDS and prints the same. A
// handshake counts when the server's session ticket has come: only then has the server seen the end of it. A
// resumption that the server did not accept is a failure.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
enum class Work { handshakes, resumptions, idle };
// "PRI * HTTP/2.0", and an empty SETTINGS frame.
constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
constexpr auto kPatience = std::chrono::seconds(5);

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

struct FreeTls {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

struct Connection {
  int fd = -1;
  std::unique_ptr<SSL, FreeTls> ssl;
  std::unique_ptr<SSL_SESSION, FreeTls> session;  // that was offered
  bool greeted = false;
  bool ticket = false;
  bool answered = false;  // ticket or data
  Clock::time_point began = Clock::now();
};

class Client {
 public:
  Client(Work work, sockaddr_in to, const std::string& stem, const std::string& ca, std::string_view alpn)
      : work_(work),
        to_(to),
        first_(alpn == "-"     ? ""
               : alpn == "get" ? kRequest
                               : kPreface) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    if (SSL_CTX_use_certificate_chain_file(context_.get(), (stem + ".crt").c_str()) != 1) fail("certificate");
    if (SSL_CTX_use_PrivateKey_file(context_.get(), (stem + ".key").c_str(), SSL_FILETYPE_PEM) != 1)
      fail("key");
    if (SSL_CTX_load_verify_locations(context_.get(), ca.c_str(), nullptr) != 1) fail("ca");
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), take_ticket);
    if (first_ == kPreface) {
      const std::string list = std::string(1, static_cast<char>(alpn.size())) + std::string(alpn);
      SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                              static_cast<unsigned>(list.size()));
    }
  }

  void open() {
    auto made = std::make_unique<Connection>();
    made->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (made->fd < 0) fail("socket");
    const int on = 1;
    setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(made->fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 && errno != EINPROGRESS)
      fail("connect");
    made->ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(made->ssl.get(), made->fd);
    SSL_set_connect_state(made->ssl.get());
    SSL_set_app_data(made->ssl.get(), this);
    if (work_ == Work::resumptions && !sessions_.empty()) {
      made->session = std::move(sessions_.back());
      sessions_.pop_back();
      // A duplicate: OpenSSL marks a session that it has offered as used up, for servers whose tickets are
      // good for one connection. This one's server either sends another ticket or takes the first again.
      const std::unique_ptr<SSL_SESSION, FreeTls> offered(SSL_SESSION_dup(made->session.get()));
      SSL_set_session(made->ssl.get(), offered.get());
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.fd = made->fd;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, made->fd, &event) != 0) fail("epoll_ctl");
    open_.emplace(made->fd, std::move(made));
  }

  // Until `end`, or until `wanted` connections have ended their handshake.
  void run_until(Clock::time_point end, std::uint64_t wanted) {
    std::array<epoll_event, 256> events;
    while (Clock::now() < end && units < wanted) {
      const int count = epoll_wait(epoll_, events.data(), 256, 100);
      for (int i = 0; i < count; ++i) {
        const auto found = open_.find(events[static_cast<std::size_t>(i)].data.fd);
        if (found != open_.end()) handle(*found->second);
      }
      if (work_ != Work::idle) drop_late();
    }
  }

  std::uint64_t units = 0;
  std::uint64_t failed = 0;
  std::uint64_t not_resumed = 0;

 private:
  static int take_ticket(SSL* ssl, SSL_SESSION* session) {
    auto* client = static_cast<Client*>(SSL_get_app_data(ssl));
    client->open_.at(SSL_get_fd(ssl))->ticket = true;
    if (client->work_ != Work::resumptions || client->sessions_.size() > 64) return 0;
    client->sessions_.emplace_back(session);
    return 1;
  }

  void handle(Connection& connection) {
    std::array<char, 4096> buffer;
    SSL* ssl = connection.ssl.get();
    ERR_clear_error();
    int done = SSL_do_handshake(ssl);
    if (done == 1 && !connection.greeted) {
      connection.greeted = true;
      if (!first_.empty()) SSL_write(ssl, first_.data(), static_cast<int>(first_.size()));
    }
    if (done == 1) {
      do {
        done = SSL_read(ssl, buffer.data(), buffer.size());
        connection.answered |= done > 0 || connection.ticket;
      } while (done > 0 && (work_ == Work::idle || !connection.answered));
    }
    const int error = done > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, done);
    const bool waits =
        error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    if (!connection.answered) {
      if (!waits) end(connection, false);
      return;
    }
    if (work_ != Work::idle) return end(connection, true);
    if (!counted_.contains(connection.fd)) ++units, counted_[connection.fd] = true;
    if (!waits) ++failed, close(connection.fd), open_.erase(connection.fd);
  }

  void end(Connection& connection, bool well) {
    const int fd = connection.fd;
    if (!well && failed++ == 0) ERR_print_errors_fp(stderr);
    if (well) {
      ++units;
      const bool resumed = SSL_session_reused(connection.ssl.get()) == 1;
      if (work_ == Work::resumptions && !resumed) ++not_resumed;
      if (work_ == Work::resumptions && resumed && !connection.ticket)
        sessions_.push_back(std::move(connection.session));
    }
    SSL_set_shutdown(connection.ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    close(fd);
    open_.erase(fd);
    open();
  }

  void drop_late() {
    const auto limit = Clock::now() - kPatience;
    std::vector<Connection*> late;
    for (const auto& [fd, connection] : open_)
      if (connection->began < limit) late.push_back(connection.get());
    for (auto* connection : late) end(*connection, false);
  }

  Work work_;
  sockaddr_in to_;
  std::string_view first_;
  int epoll_ = epoll_create1(0);
  std::unique_ptr<SSL_CTX, FreeTls> context_{SSL_CTX_new(TLS_client_method())};
  std::vector<std::unique_ptr<SSL_SESSION, FreeTls>> sessions_;
  std::unordered_map<int, bool> counted_;
  std::unordered_map<int, std::unique_ptr<Connection>> open_;
};

void measure() {
  std::puts("measure");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = count == 9 ? arguments[1] : "";
  if (mode != "handshakes" && mode != "resumptions" && mode != "idle") {
    std::fputs(
        "usage: bench_tls handshakes|resumptions|idle HOST PORT CONNECTIONS SECONDS DIRECTORY NAME FIRST\n",
        stderr);
    return 2;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(arguments[3])));
  if (inet_pton(AF_INET, arguments[2], &to.sin_addr) != 1) fail("address");
  const Work work = mode == "handshakes"    ? Work::handshakes
                    : mode == "resumptions" ? Work::resumptions
                                            : Work::idle;
  const std::string directory = arguments[6];
  Client client(work, to, directory + "/" + arguments[7], directory + "/ca.crt", arguments[8]);
  const int connections = std::atoi(arguments[4]);
  const auto seconds = std::chrono::seconds(std::atoi(arguments[5]));
  if (work == Work::idle) {
    for (int i = 0; i < connections && client.failed == 0;
         ++i) {  // one after the other: no burst of handshakes
      client.open();
      client.run_until(Clock::now() + kPatience, static_cast<std::uint64_t>(i) + 1);
      if (client.units != static_cast<std::uint64_t>(i) + 1) fail("a handshake did not end");
    }
    measure();
    client.run_until(Clock::now() + seconds, static_cast<std::uint64_t>(connections) + 1);
    std::printf("done %llu %llu\n", static_cast<unsigned long long>(client.units),
                static_cast<unsigned long long>(client.failed));
    return 0;
  }
  constexpr auto kNoLimit = ~std::uint64_t{0};
  for (int i = 0; i < connections; ++i) client.open();
  client.run_until(Clock::now() + std::chrono::seconds(1), kNoLimit);
  const auto units = client.units;
  const auto failed = client.failed;
  const auto not_resumed = client.not_resumed;
  measure();
  client.run_until(Clock::now() + seconds, kNoLimit);
  std::printf("done %llu %llu %llu\n", static_cast<unsigned long long>(client.units - units),
              static_cast<unsigned long long>(client.failed - failed),
              static_cast<unsigned long long>(client.not_resumed - not_resumed));
}
