#include "kernel/events.h"

#include <bpf/libbpf.h>

#include <cerrno>

namespace sluice::kernel {

struct EventReader::Ring {
  Handler handler;
  ring_buffer* buffer = nullptr;
  ~Ring() { ring_buffer__free(buffer); }
};

namespace {

int deliver(void* context, void* data, std::size_t size) {
  if (size < sizeof(sluice_event)) return 0;
  (*static_cast<EventReader::Handler*>(context))(*static_cast<const sluice_event*>(data));
  return 0;
}

}  // namespace

EventReader::EventReader(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}
EventReader::~EventReader() = default;

Outcome<std::unique_ptr<EventReader>> EventReader::open(int events_map_fd, Handler handler) {
  auto ring = std::make_unique<Ring>();
  ring->handler = std::move(handler);
  ring->buffer = ring_buffer__new(events_map_fd, deliver, &ring->handler, nullptr);
  if (ring->buffer == nullptr) return fault_errno("open the BPF event ring", errno);
  return std::unique_ptr<EventReader>(new EventReader(std::move(ring)));
}

int EventReader::poll_fd() const {
  return ring_buffer__epoll_fd(ring_->buffer);
}

Outcome<int> EventReader::consume() {
  const int count = ring_buffer__consume(ring_->buffer);
  if (count < 0) return fault_errno("read the BPF event ring", -count);
  return count;
}

}  // namespace sluice::kernel
