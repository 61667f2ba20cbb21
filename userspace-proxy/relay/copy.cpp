#include "relay/copy.h"

#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "io/scope.h"

namespace sluice::relay {
namespace {

enum class Way : bool { to_upstream, to_client };

struct Copying final : Relaying {
  Copying(io::Ring& own_ring, io::Stream& from, io::Stream& to, Record& own_record, RelaySlot* own_slot)
      : ring(own_ring),
        client(from),
        upstream(to),
        record(own_record),
        last_byte(own_ring.now()),
        slot(own_slot) {
    if (slot != nullptr) slot->now = this;
  }
  Copying(const Copying&) = delete;
  Copying& operator=(const Copying&) = delete;
  ~Copying() {
    if (slot != nullptr) slot->now = nullptr;
  }

  io::Ring& ring;
  io::Stream& client;
  io::Stream& upstream;
  Record& record;
  MonoTime last_byte;
  RelaySlot* slot;
  std::optional<Error> failure;  // the first one
  std::optional<Error> ended;    // by us, between two messages
  bool abrupt = false;
  Way last = Way::to_upstream;  // the direction of the last byte
  bool wants_tunnel = false;    // the client's last words were CONNECT
  bool switched = false;        // to something else than requests
  int writing = 0;
  io::Scope pumps;

  bool carries_requests() const override { return !switched; }
  bool quiet(Nanos silence) const override {
    return last == Way::to_client && writing == 0 && ring.now() >= last_byte + silence;
  }
  void end(const Error& why, bool in_order) override {
    if (ended) return;
    ended = why;
    abrupt = !in_order;
    pumps.cancel();
  }

  // Where an answer can begin, for nobody reads what goes by: behind the client's last words.
  void note_switch(Way way, std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (way == Way::to_upstream) {
      wants_tunnel = text.starts_with("CONNECT ");
    } else if (last == Way::to_upstream && text.starts_with("HTTP/1.1 ")) {
      switched = switched || text.substr(9, 3) == "101" || (wants_tunnel && text.substr(9, 1) == "2");
    }
  }

  void fail(const Error& error) {
    if (!failure) failure = error;
  }
  void reset_both() {
    client.reset(*failure);
    upstream.reset(*failure);
  }
};

io::Task<void> pump(Copying& copying, Way way) {
  io::Stream& from = way == Way::to_upstream ? copying.client : copying.upstream;
  io::Stream& to = way == Way::to_upstream ? copying.upstream : copying.client;
  while (true) {
    auto chunk = co_await from.read();
    if (!chunk) {
      copying.fail(chunk.error());
      // What we end ourselves is ended in order afterwards.
      if (!copying.ended) copying.reset_both();
      co_return;
    }
    copying.last_byte = copying.ring.now();
    copying.note_switch(way, chunk->bytes());
    copying.last = way;
    const std::size_t size = chunk->size();
    ++copying.writing;
    auto written = size == 0 ? co_await to.finish() : co_await to.write(std::move(*chunk));
    if (!written) {
      // `to` is broken, but may have delivered bytes that the other pump still has to pass on; its read ends
      // by itself.
      copying.fail(written.error());
      co_return;
    }
    --copying.writing;
    if (size == 0) co_return;
    copying.last_byte = copying.ring.now();
    way == Way::to_upstream ? copying.record.add_from_client(size) : copying.record.add_to_client(size);
  }
}

io::Task<void> watch_idle(Copying& copying, Nanos idle) {
  while (true) {
    const auto slept = co_await copying.ring.sleep_until(copying.last_byte + idle);
    if (!slept) co_return;
    if (copying.ring.now() >= copying.last_byte + idle) break;
  }
  copying.end(Error{Reason::idle_timeout, Origin::internal, 0, "relay"}, true);
}

}  // namespace

io::Task<Error> copy_both(io::Ring& ring, io::Stream& client, io::Stream& upstream, Nanos idle,
                          Record& record, RelaySlot* slot) {
  Copying copying(ring, client, upstream, record, slot);
  io::Scope watch;
  if (idle > Nanos::zero()) watch.spawn(watch_idle(copying, idle));
  copying.pumps.spawn(pump(copying, Way::to_upstream));
  copying.pumps.spawn(pump(copying, Way::to_client));
  co_await copying.pumps.join();
  watch.cancel();
  co_await watch.join();

  if (copying.ended) {
    copying.failure = copying.ended;
    // A write that nobody takes would hold the orderly end up for ever.
    if (copying.abrupt || copying.writing != 0 || !co_await client.finish() || !co_await upstream.finish())
      copying.reset_both();
    co_return *copying.ended;
  }
  if (copying.failure) {
    copying.reset_both();
    co_return *copying.failure;
  }
  co_return Error{Reason::completed, Origin::downstream, 0, ""};
}

}  // namespace sluice::relay
