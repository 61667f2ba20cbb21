// Names from outside, by the input's first byte: the file of what was known when the agent ended; the answers
// of a DNS server, which c-ares reads; and a name to ask for. Whatever comes, no address inside the node is
// believed, every name has an answer or a reason, and what was learnt can be written and read again.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/address.h"
#include "base/fd.h"
#include "names/dns_lookup.h"
#include "names/name_book.h"
#include "names/name_file.h"

namespace {

using namespace sluice;
using namespace sluice::agent;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kHead = 12;        // of a DNS message
constexpr std::size_t kFlagsEnd = 4;     // its id and flags
constexpr std::size_t kQuestionEnd = 6;  // and the number of its questions
constexpr std::size_t kType = 2;
constexpr std::size_t kClass = 2;

// A server on the loopback that answers what it is told to: flags, three counts and the records, behind the
// question as it came, so that the answer is taken for one.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage{};
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    socklen_t size = SocketAddr{*IpAddr::parse("127.0.0.1"), 0}.to(storage, AF_INET);
    require(socket_ && ::bind(socket_.get(), address, size) == 0);
    require(::getsockname(socket_.get(), address, &size) == 0);
    address_ = SocketAddr::from(storage).text();
    std::thread([this] { serve(); }).detach();  // as long as the process
  }

  const std::string& address() const { return address_; }
  void say(std::string v4, std::string v6) {
    const std::lock_guard lock(mutex_);
    v4_ = std::move(v4);
    v6_ = std::move(v6);
  }

 private:
  // Empty: it is no question.
  std::string answer(std::string_view asked) {
    std::size_t end = kHead;
    while (end < asked.size() && asked[end] != 0) end += 1U + static_cast<std::uint8_t>(asked[end]);
    if (end + 1 + kType + kClass > asked.size()) return {};
    const bool is_v6 = asked[end + kType] == 28;
    const std::lock_guard lock(mutex_);
    std::string told = is_v6 ? v6_ : v4_;
    told.resize(std::max(told.size(), kHead - kFlagsEnd), '\0');
    constexpr std::size_t kFlags = 2;
    std::string out(asked.substr(0, 2));
    out += told.substr(0, kFlags);
    out += asked.substr(kFlagsEnd, kQuestionEnd - kFlagsEnd);
    out += told.substr(kFlags, kHead - kQuestionEnd);
    out += asked.substr(kHead, end + 1 + kType + kClass - kHead);
    return out + told.substr(kFlags + kHead - kQuestionEnd);
  }

  void serve() {
    std::array<char, 4096> buffer{};
    while (true) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      auto* address = reinterpret_cast<sockaddr*>(&from);
      const ssize_t n = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, address, &size);
      if (n <= 0) continue;
      const auto out = answer({buffer.data(), static_cast<std::size_t>(n)});
      (void)::sendto(socket_.get(), out.data(), out.size(), 0, address, size);
    }
  }

  const Fd socket_;
  std::string address_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string v4_;
  std::string v6_;
};

Server& server() {
  static Server& one = *new Server();
  return one;
}

void require_sound(const NameAnswer& answer) {
  const bool found = answer.kind == NameAnswer::Kind::found;
  require(found == !answer.addresses.empty());
  require(answer.ttl.count() >= 0);
  require(found || answer.kind == NameAnswer::Kind::none || !answer.why.empty());
  for (const auto& one : answer.addresses) require(one.is_v4() == answer.addresses.front().is_v4());
}

void require_outside(const policy::HostAddresses& known) {
  for (const auto& [name, addresses] : known) {
    require(!addresses.empty() && addresses.size() <= NameBook::kAddressesMax);
    require(std::ranges::is_sorted(addresses));
    for (const auto& one : addresses) {
      require(!one.is_loopback() && !one.is_unspecified());
      require(one.is_v4() ? one.bytes[12] < 224 : one.bytes[0] != 0xff);
    }
  }
}

// Asked once by a book, which has to make sense of it.
void ask(const std::string& name) {
  const NameAnswers answers = look_up_by_dns({name}, {server().address()}, {});
  require(answers.size() == 1 && answers.begin()->first == name);
  const auto& answer = answers.begin()->second;
  require_sound(answer);
  NameBook book([&](const auto&, const std::stop_token&) { return answers; }, {}, [] {});
  book.want({name});
  while (book.states().at(name).why == "nobody has answered yet") std::this_thread::yield();
  require_outside(book.known());
  const auto state = book.states().at(name);
  require((state.kind == NameBook::State::Kind::fresh) == !book.known().empty());
}

void read_file(const std::string& text) {
  const auto known = names_of(text);
  for (const auto& [name, addresses] : known) {
    require(!name.empty() && !addresses.empty());
    require(name.find_first_of(" \t\r\n\v\f") == std::string::npos);
  }
  require(names_of(names_text(known)) == known);
  NameBook book({}, {}, {});
  book.remember(known);
  require(book.known() == known);
}

void read_answers(std::string_view text) {
  if (text.empty()) return;
  const auto first = std::min<std::size_t>(static_cast<std::uint8_t>(text[0]), text.size() - 1);
  server().say(std::string(text.substr(1, first)), std::string(text.substr(1 + first)));
  ask("api.example.com");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) read_file(std::string(text));
  if (data[0] % 3 == 1) read_answers(text);
  if (data[0] % 3 == 2) {
    server().say(std::string("\x81\x83", 2), std::string("\x81\x83", 2));  // no such name
    ask(std::string(text.substr(0, text.find('\0'))));
  }
  return 0;
}
