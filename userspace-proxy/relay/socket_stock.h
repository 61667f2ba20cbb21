// A worker's stock of sockets made inside workloads' network namespaces. The keeper makes them in batches on
// request; the stock keeps a few ahead of demand, so that a connection seldom waits for one. One ring's
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "base/message.h"
#include "io/signal.h"
#include "io/socket_source.h"

namespace sluice::relay {

class SocketStock final : public io::SocketSource {
 public:
  // Sends the request to the keeper without blocking; false when that failed. The answer arrives by
  // deliver().
  using Ask = std::function<bool(const message::MakeSockets&)>;

  SocketStock(io::Ring& ring, Ask ask) : ring_(ring), ask_(std::move(ask)) {}

  io::Task<Result<io::Socket>> make(std::uint32_t workload, io::SocketKind kind) override;

  // An answer of the keeper.
  void deliver(const message::Sockets& answer, std::vector<Fd> sockets);
  // The workload is gone: its namespace must not be held by idle sockets.
  void forget(std::uint32_t workload);
  // Once a second: gives up what nobody has asked for lately.
  void trim();

 private:
  static constexpr std::uint32_t kBatchMin = 4;
  static constexpr std::uint32_t kBatchMax = 32;

  // The sockets of one workload and kind.
  struct Shelf {
    explicit Shelf(io::Ring& ring) : changed(ring) {}
    std::vector<Fd> free;
    std::uint32_t asked = 0;          // of the request under way
    std::uint32_t batch = kBatchMin;  // grows when somebody has to wait
    std::uint32_t taken = 0;          // since the last trim
    bool ipv6 = true;                 // false: the namespace has no IPv6
    int error = 0;                    // errno of the last answer
    io::Signal changed;
  };
  struct Key {
    std::uint32_t workload;
    io::SocketKind kind;
    auto operator<=>(const Key&) const = default;
  };

  Shelf& shelf(Key key);
  bool refill(Key key, Shelf& shelf);

  io::Ring& ring_;
  Ask ask_;
  std::map<Key, std::unique_ptr<Shelf>> shelves_;
};

}  // namespace sluice::relay
