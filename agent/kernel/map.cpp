#include "kernel/map.h"

#include <bpf/bpf.h>

#include <cerrno>

namespace sluice::kernel {

Outcome<> RawMap::update(const void* key, const void* value) const {
  if (bpf_map_update_elem(fd(), key, value, BPF_ANY) == 0) return {};
  const int error = errno;
  if (error == E2BIG || error == ENOSPC)
    return fault("BPF map " + name_ + " is full", "raise its limit, or enrol fewer workloads on this node");
  return fault_errno("write to BPF map " + name_, error);
}

Outcome<bool> RawMap::lookup(const void* key, void* value) const {
  if (bpf_map_lookup_elem(fd(), key, value) == 0) return true;
  if (errno == ENOENT) return false;
  return fault_errno("read from BPF map " + name_, errno);
}

Outcome<> RawMap::remove(const void* key) const {
  if (bpf_map_delete_elem(fd(), key) == 0 || errno == ENOENT) return {};
  return fault_errno("delete from BPF map " + name_, errno);
}

Outcome<> RawMap::each_key(std::size_t key_size, std::size_t limit,
                           const std::function<void(const void*)>& visit) const {
  std::vector<std::byte> key(key_size);
  std::vector<std::byte> next(key_size);
  const void* previous = nullptr;
  for (std::size_t seen = 0; seen < limit; ++seen) {
    if (bpf_map_get_next_key(fd(), previous, next.data()) != 0) {
      if (errno == ENOENT) return {};
      return fault_errno("walk BPF map " + name_, errno);
    }
    key = next;
    previous = key.data();
    visit(key.data());
  }
  return {};
}

}  // namespace sluice::kernel
