#include "tests/support/failing_new.h"

#include <cstddef>
#include <cstdlib>
#include <new>
#include <random>

namespace sluice::support {
namespace {

struct {
  std::minstd_rand random;
  unsigned average = 0;  // 0: disarmed
  unsigned until = 0;    // allocations
  bool paused = false;
} plan;

void choose() {
  plan.until = 1 + static_cast<unsigned>(plan.random()) % (2 * plan.average);
}

bool fails_now() {
  if (plan.average == 0 || plan.paused || --plan.until != 0) return false;
  choose();
  return true;
}

}  // namespace

void fail_allocations(std::uint64_t seed, unsigned average) {
  plan.random.seed(static_cast<unsigned>(seed % 1'000'000'007) + 1);
  plan.average = average;
  if (average != 0) choose();
}

NoFailures::NoFailures() : before_(plan.paused) {
  plan.paused = true;
}
NoFailures::~NoFailures() {
  plan.paused = before_;
}

}  // namespace sluice::support

void* operator new(std::size_t size) {
  for (;;) {
    if (!sluice::support::fails_now())
      if (void* block = std::malloc(size == 0 ? 1 : size); block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
