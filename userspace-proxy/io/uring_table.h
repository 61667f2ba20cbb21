// The ring's own file table, from our side: which slots are free, and what can no longer be asked of a socket
// that has no descriptor.
#pragma once

#include <deque>
#include <vector>

#include "base/address.h"

namespace sluice::io {

class UringTable {
 public:
  struct Slot {
    int number;
    int* descriptor;  // for the update operation: stays in place until the slot is released
  };

  void open(unsigned slots) { slots_ = slots; }
  bool has_room() const { return !free_.empty() || entries_.size() < slots_; }

  // Precondition: has_room().
  Slot take(int descriptor, const SocketAddr& local, const SocketAddr& peer) {
    if (free_.empty()) {
      free_.push_back(static_cast<int>(entries_.size()));
      entries_.emplace_back();
    }
    const int number = free_.back();
    free_.pop_back();
    Entry& entry = entries_[static_cast<std::size_t>(number)];
    entry = {.descriptor = descriptor, .local = local, .peer = peer};
    return {.number = number, .descriptor = &entry.descriptor};
  }
  void release(int number) { free_.push_back(number); }
  const SocketAddr& local(int number) const { return entries_[static_cast<std::size_t>(number)].local; }
  const SocketAddr& peer(int number) const { return entries_[static_cast<std::size_t>(number)].peer; }

 private:
  struct Entry {
    int descriptor = -1;
    SocketAddr local;
    SocketAddr peer;
  };
  unsigned slots_ = 0;
  std::deque<Entry> entries_;  // grows without moving
  std::vector<int> free_;
};

}  // namespace sluice::io
