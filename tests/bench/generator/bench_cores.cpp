// How far two processors are from each other, for scripts/bench:
//   bench_cores A B
// prints the time in ns that a cache line takes from processor A to B and back, the median of some batches. A
// virtual machine's processors may share a last-level cache at one moment and not at the next; what one wrote
// and the other reads then costs four times as much.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kBatches = 15;
constexpr int kRoundTrips = 2000;

// Nobody else's turn may fall into a batch: before the processor's other work, for some milliseconds.
void pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_param first{};
  first.sched_priority = 1;
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0 ||
      pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) != 0) {
    std::fputs("bench_cores: cannot pin a thread\n", stderr);
    std::exit(1);
  }
}

alignas(64) std::atomic<int> line{0};

void await(int value) {
  while (line.load(std::memory_order_acquire) != value) {
  }
}

void answer(int processor) {
  pin(processor);
  for (int turn = 0; turn < kBatches * kRoundTrips; ++turn) {
    await(2 * turn + 1);
    line.store(2 * turn + 2, std::memory_order_release);
  }
}

double batch(int number) {
  const auto begin = Clock::now();
  for (int turn = number * kRoundTrips; turn < (number + 1) * kRoundTrips; ++turn) {
    line.store(2 * turn + 1, std::memory_order_release);
    await(2 * turn + 2);
  }
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kRoundTrips;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  std::thread other(answer, std::atoi(words[1]));
  pin(std::atoi(words[2]));
  std::array<double, kBatches> times{};
  for (int number = 0; number < kBatches; ++number) times[static_cast<std::size_t>(number)] = batch(number);
  other.join();
  std::ranges::nth_element(times, times.begin() + kBatches / 2);
  std::printf("%.0f\n", times[kBatches / 2]);
}
