#include "relay/socket_stock.h"

#include <algorithm>
#include <cerrno>

namespace sluice::relay {
namespace {

message::SocketKind wire(io::SocketKind kind) {
  return kind == io::SocketKind::mesh_out ? message::SocketKind::mesh_out : message::SocketKind::app_in;
}

io::SocketKind unwire(message::SocketKind kind) {
  return kind == message::SocketKind::mesh_out ? io::SocketKind::mesh_out : io::SocketKind::app_in;
}

}  // namespace

SocketStock::Shelf& SocketStock::shelf(Key key) {
  auto& place = shelves_[key];
  if (!place) place = std::make_unique<Shelf>(ring_);
  return *place;
}

bool SocketStock::refill(Key key, Shelf& shelf) {
  if (shelf.asked != 0 || shelf.free.size() > shelf.batch / 2) return true;
  shelf.error = 0;
  if (!ask_({key.workload, wire(key.kind), shelf.ipv6 ? 1U : 0U, shelf.batch})) return false;
  shelf.asked = shelf.batch;
  return true;
}

io::Task<Result<io::Socket>> SocketStock::make(std::uint32_t workload, io::SocketKind kind) {
  const Key key{workload, kind};
  Shelf& shelf = this->shelf(key);
  ++shelf.taken;
  if (shelf.free.empty()) shelf.batch = std::min(shelf.batch * 2, kBatchMax);
  while (shelf.free.empty()) {
    if (!refill(key, shelf)) co_return fail(Reason::no_socket, Origin::internal, "ask keeper", EAGAIN);
    const auto changed = co_await shelf.changed.wait();
    if (!changed) co_return std::unexpected(changed.error());
    if (shelf.free.empty() && shelf.error != 0) {
      co_return fail(Reason::no_socket, Origin::internal, "make socket", shelf.error);
    }
  }
  Fd socket = std::move(shelf.free.back());
  shelf.free.pop_back();
  refill(key, shelf);
  co_return ring_.adopt(std::move(socket));
}

void SocketStock::deliver(const message::Sockets& answer, std::vector<Fd> sockets) {
  const Key key{answer.workload, unwire(answer.kind)};
  const auto found = shelves_.find(key);
  if (found == shelves_.end()) return;
  Shelf& shelf = *found->second;
  shelf.asked = 0;
  shelf.error = answer.error;
  if (answer.error == EAFNOSUPPORT && shelf.ipv6) {
    shelf.ipv6 = false;
    if (refill(key, shelf)) return;
  }
  std::ranges::move(sockets, std::back_inserter(shelf.free));
  shelf.changed.notify();
}

void SocketStock::forget(std::uint32_t workload) {
  for (auto& [key, shelf] : shelves_) {
    if (key.workload != workload) continue;
    shelf->free.clear();
    shelf->error = ENODEV;
    shelf->changed.notify();
  }
}

void SocketStock::trim() {
  for (auto at = shelves_.begin(); at != shelves_.end();) {
    Shelf& shelf = *at->second;
    if (shelf.taken == 0) {
      shelf.batch = kBatchMin;
      if (shelf.free.size() > kBatchMin) shelf.free.resize(kBatchMin);
    }
    shelf.taken = 0;
    const bool unused =
        shelf.free.empty() && shelf.asked == 0 && !shelf.changed.awaited() && shelf.error == ENODEV;
    at = unused ? shelves_.erase(at) : std::next(at);
  }
}

}  // namespace sluice::relay
