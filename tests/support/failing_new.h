// Replaces the program's operator new by one that can be made to fail, as [new.delete.single] has it: the
// new-handler is called and the allocation tried again; without a handler std::bad_alloc is thrown. Link it
// into tests that need it, and into nothing else.
#pragma once

#include <cstdint>

namespace sluice::support {

// From now on one of `average` allocations fails, which ones being the seed's choice; 0: none. One thread.
void fail_allocations(std::uint64_t seed, unsigned average);

// None fails while one of these lives: for what the test does itself.
class NoFailures {
 public:
  NoFailures();
  ~NoFailures();
  NoFailures(const NoFailures&) = delete;
  NoFailures& operator=(const NoFailures&) = delete;

 private:
  bool before_;
};

}  // namespace sluice::support
