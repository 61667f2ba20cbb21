// Reads the ring buffer `events`: denials and failures that the proxy never saw.
#pragma once

#include <functional>
#include <memory>

#include "abi.h"
#include "base/result.h"

namespace sluice::kernel {

class EventReader {
 public:
  using Handler = std::function<void(const sluice_event&)>;

  // Borrows the map's descriptor for the time of this object.
  static Outcome<std::unique_ptr<EventReader>> open(int events_map_fd, Handler handler);
  ~EventReader();
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  // Becomes readable when there are events (epoll, io_uring poll).
  int poll_fd() const;
  // Hands all waiting events to the handler without blocking; returns how many.
  Outcome<int> consume();

 private:
  struct Ring;
  explicit EventReader(std::unique_ptr<Ring> ring);
  std::unique_ptr<Ring> ring_;
};

}  // namespace sluice::kernel
