#include "names/dns_lookup.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace sluice::agent {
namespace {

constexpr int kTryMs = 2000;
constexpr int kTries = 2;
constexpr int kStepMs = 100;  // how soon a stop is seen

struct ChannelFree {
  void operator()(ares_channeldata* channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, ChannelFree>;

struct ListFree {
  void operator()(ares_addrinfo* list) const { ares_freeaddrinfo(list); }
};

struct Question {
  NameAnswer* answer = nullptr;
  std::size_t* waiting = nullptr;
};

IpAddr address_of(const ares_addrinfo_node& node) {
  sockaddr_storage storage{};
  std::memcpy(&storage, node.ai_addr, std::min<std::size_t>(node.ai_addrlen, sizeof storage));
  return SocketAddr::from(storage).ip;
}

// c-ares puts first what this host reaches.
void take(const ares_addrinfo& list, NameAnswer& out) {
  int ttl = INT32_MAX;
  for (const auto* alias = list.cnames; alias != nullptr; alias = alias->next)
    ttl = std::min(ttl, alias->ttl);
  for (const auto* node = list.nodes; node != nullptr; node = node->ai_next) {
    ttl = std::min(ttl, node->ai_ttl);
    if (node->ai_family == list.nodes->ai_family) out.addresses.push_back(address_of(*node));
  }
  out.ttl = std::chrono::seconds(std::max(ttl, 0));
  out.kind = out.addresses.empty() ? NameAnswer::Kind::none : NameAnswer::Kind::found;
}

void on_answer(void* argument, int status, int, ares_addrinfo* list) {
  const std::unique_ptr<ares_addrinfo, ListFree> owner(list);
  const auto& question = *static_cast<Question*>(argument);
  --*question.waiting;
  auto& answer = *question.answer;
  if (status == ARES_SUCCESS && list != nullptr) return take(*list, answer);
  const bool none = status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;
  answer.kind = none ? NameAnswer::Kind::none : NameAnswer::Kind::failed;
  answer.why = ares_strerror(status);
}

Channel open_channel(const std::vector<std::string>& servers) {
  ares_options options{};
  char files_first[] = "fb";
  options.flags = ARES_FLAG_NOSEARCH;
  options.timeout = kTryMs;
  options.tries = kTries;
  options.lookups = files_first;
  constexpr int kSet = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
  ares_channel channel = nullptr;
  if (ares_init_options(&channel, &options, kSet) != ARES_SUCCESS) return nullptr;
  Channel out(channel);
  std::string list;
  for (const auto& one : servers) list += (list.empty() ? "" : ",") + one;
  if (!list.empty() && ares_set_servers_ports_csv(channel, list.c_str()) != ARES_SUCCESS) return nullptr;
  return out;
}

// One turn: waits for what comes, kStepMs at most.
void turn(ares_channel channel) {
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
  const auto bits = static_cast<unsigned>(ares_getsock(channel, sockets.data(), ARES_GETSOCK_MAXNUM));
  std::vector<pollfd> polled;
  for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
    const bool reads = (bits >> i & 1U) != 0;
    const bool writes = (bits >> (i + ARES_GETSOCK_MAXNUM) & 1U) != 0;
    if (!reads && !writes) continue;
    polled.push_back({sockets[i], static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0});
  }
  (void)::poll(polled.data(), polled.size(), kStepMs);
  for (const auto& one : polled) {
    const bool can_write = (one.revents & POLLOUT) != 0;
    const bool can_read = (one.revents & ~POLLOUT) != 0;
    ares_process_fd(channel, can_read ? one.fd : ARES_SOCKET_BAD, can_write ? one.fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what has waited too long
}

}  // namespace

NameAnswers look_up_by_dns(const std::vector<std::string>& names, const std::vector<std::string>& servers,
                           const std::stop_token& stop) {
  NameAnswers out;
  std::size_t waiting = 0;
  std::vector<Question> questions;
  questions.reserve(names.size());
  for (const auto& name : names) questions.push_back({&out[name], &waiting});
  const auto channel = open_channel(servers);
  if (!channel) {
    for (auto& [name, answer] : out) answer.why = "the resolver's settings cannot be used";
    return out;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  waiting = questions.size();
  for (std::size_t i = 0; i < names.size(); ++i)
    ares_getaddrinfo(channel.get(), names[i].c_str(), nullptr, &hints, on_answer, &questions[i]);
  const auto until = std::chrono::steady_clock::now() + kLookUpMax;
  while (waiting > 0 && !stop.stop_requested() && std::chrono::steady_clock::now() < until)
    turn(channel.get());
  ares_cancel(channel.get());
  return out;
}

}  // namespace sluice::agent
