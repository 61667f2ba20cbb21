#include "base/flight.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <span>
#include <utility>

#include "base/flight_rows.h"

namespace sluice {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr std::array kMetrics = {
#define SLUICE_METRIC(id, kind, name, help) MetricInfo{name, help, std::string_view(#kind) == "gauge"},
#include "base/metrics.def"
#undef SLUICE_METRIC
};

struct alignas(64) WorkerCells {
  std::array<std::atomic<std::uint64_t>, kFlightMetricsMax> metrics;
  alignas(64) std::array<std::atomic<std::uint64_t>, kFlightReasonsMax> reasons;
  alignas(64) std::atomic<std::uint64_t> ids;
};

void bump(std::atomic<std::uint64_t>& cell, std::uint64_t delta) {
  // One writer per cell: a plain load and store, no locked instruction.
  cell.store(cell.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
}

void make_text_safe(std::span<char> text) {
  text.back() = '\0';
  for (char& c : text) {
    if (c == '\0') break;
    if (c < ' ' || c > '~') c = '?';
  }
}

// What a reader may hand on of a row that the less trusted side wrote.
bool make_safe(FlightRow& row) {
  if (row.id == 0 || row.worker >= kFlightWorkersMax) return false;
  if (row.direction > static_cast<std::uint8_t>(Direction::inbound)) return false;
  if (row.transport > static_cast<std::uint8_t>(Transport::app_tls)) return false;
  if (!reason_from_number(row.reason)) return false;
  row.resumed = row.resumed != 0 ? 1 : 0;
  if (row.http_status > 599) return false;
  make_text_safe(row.step);
  make_text_safe(row.rule);
  make_text_safe(row.peer_identity);
  make_text_safe(row.service);
  make_text_safe(row.method);
  make_text_safe(row.path);
  return true;
}

}  // namespace

namespace {

constexpr std::size_t kPage = 4096;

struct alignas(kPage) Lane {
  std::array<WorkerCells, kFlightWorkersMax> workers;
  SharedRows<kFlightLiveRows> live;
  SharedRows<kFlightFinishedRows> finished;
};

struct SharedFlight {
  // 1: a writer has opened the lane. Reading any other would make pages of it.
  std::array<std::atomic<std::uint64_t>, kFlightLanes> used;
  std::array<Lane, kFlightLanes> lanes;
};

Outcome<void*> map_flight(int memfd, int protection) {
  struct stat info{};
  if (::fstat(memfd, &info) != 0) return fault_errno("flight memory", errno);
  const int seals = ::fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals)
    return fault("flight memory is not sealed against resizing");
  if (static_cast<std::size_t>(info.st_size) != sizeof(SharedFlight))
    return fault("flight memory comes from another version of Sluice", "restart sluiced");
  void* memory = ::mmap(nullptr, sizeof(SharedFlight), protection, MAP_SHARED, memfd, 0);
  if (memory == MAP_FAILED) return fault_errno("cannot map the flight memory", errno);
  return memory;
}

bool is_used(const SharedFlight& memory, std::size_t lane) {
  return memory.used[lane].load(std::memory_order_relaxed) != 0;
}

template <typename Visit>
void for_used_lanes(const SharedFlight& memory, Visit visit) {
  for (std::size_t i = 0; i < kFlightLanes; ++i)
    if (is_used(memory, i)) visit(memory.lanes[i]);
}

// The parts of the memory that were ever written. Even reading the others would make the kernel fill them in:
// seven megabytes for an idle proxy.
class WrittenParts {
 public:
  explicit WrittenParts(int memfd) {
    for (off_t at = 0; (at = ::lseek(memfd, at, SEEK_DATA)) >= 0;) {
      const off_t end = ::lseek(memfd, at, SEEK_HOLE);
      if (end < 0) break;
      parts_.emplace_back(static_cast<std::size_t>(at), static_cast<std::size_t>(end));
      at = end;
    }
  }
  // Does any byte of `object`, which lies in the memory mapped at `base`, have a page?
  template <typename Object>
  bool has(const void* base, const Object& object) const {
    const auto begin = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&object) -
                                                static_cast<const std::byte*>(base));
    const auto part =
        std::ranges::partition_point(parts_, [begin](const auto& one) { return one.second <= begin; });
    return part != parts_.end() && part->first < begin + sizeof(Object);
  }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> parts_;  // in their order
};

// A row that is written for the first time meanwhile is one that came too late.
template <std::size_t N>
std::vector<FlightRow> safe_rows(const SharedFlight& memory, int memfd, SharedRows<N> Lane::* rows) {
  const WrittenParts written(memfd);
  std::vector<FlightRow> out;
  for_used_lanes(memory, [&](const Lane& lane) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!written.has(&memory, (lane.*rows).head(i))) continue;
      auto row = (lane.*rows).read(i);
      if (row && make_safe(*row)) out.push_back(*row);
    }
  });
  return out;
}

std::uint64_t sum(const Lane& lane, Metric metric) {
  std::uint64_t sum = 0;  // unsigned: hostile cells may wrap
  for (const auto& cells : lane.workers)
    sum += cells.metrics[static_cast<std::size_t>(metric)].load(std::memory_order_relaxed);
  return sum;
}

}  // namespace

struct FlightMemory {
  FlightMemory(Fd fd, const SharedFlight* mapped) : memfd(std::move(fd)), shared(mapped) {}
  FlightMemory(const FlightMemory&) = delete;
  FlightMemory& operator=(const FlightMemory&) = delete;
  ~FlightMemory() { ::munmap(const_cast<SharedFlight*>(shared), sizeof(SharedFlight)); }
  Fd memfd;
  const SharedFlight* shared;
};

const MetricInfo& metric_info(Metric metric) {
  const auto index = static_cast<std::size_t>(metric);
  assert(index < kMetrics.size());
  return kMetrics[index];
}

// What one process needs besides the memory: each worker's free slots and its place in the finished ring.
// Padded so that neighbours do not share a cache line.
struct FlightWriter::State {
  struct alignas(64) Share {
    std::vector<std::uint32_t> free;
    std::size_t finished_first = 0;
    std::size_t finished_count = 0;
    std::size_t finished_next = 0;  // offset in the share
  };
  State(SharedFlight* mapped, int memfd, std::size_t workers, std::size_t lane_index)
      : memory(mapped),
        layout(&mapped->lanes[lane_index]),
        lane(lane_index),
        written(memfd),
        shares(workers) {
    const std::size_t live_each = kFlightLiveRows / workers;
    const std::size_t finished_each = kFlightFinishedRows / workers;
    for (std::size_t w = 0; w < workers; ++w) {
      shares[w].free.reserve(live_each);
      for (std::size_t i = live_each; i-- > 0;)
        shares[w].free.push_back(static_cast<std::uint32_t>(w * live_each + i));
      shares[w].finished_first = w * finished_each;
      shares[w].finished_count = finished_each;
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::munmap(memory, sizeof(SharedFlight)); }

  void append(Share& share, const FlightRow& row) {
    layout->finished.write(share.finished_first + share.finished_next, row);
    share.finished_next = (share.finished_next + 1) % share.finished_count;
    layout->finished.fetch_for(share.finished_first + share.finished_next, row);
  }
  SharedFlight* memory;
  Lane* layout;
  std::size_t lane;
  WrittenParts written;  // when the memory was opened
  std::vector<Share> shares;
};

FlightWriter::FlightWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FlightWriter::FlightWriter(FlightWriter&&) noexcept = default;
FlightWriter& FlightWriter::operator=(FlightWriter&&) noexcept = default;
FlightWriter::~FlightWriter() = default;

Outcome<FlightWriter> FlightWriter::open(int memfd, std::size_t workers, std::size_t lane) {
  if (workers == 0 || workers > kFlightWorkersMax) return fault("number of workers is out of range");
  if (lane >= kFlightLanes) return fault("the flight memory has no such lane");
  const auto memory = map_flight(memfd, PROT_READ | PROT_WRITE);
  if (!memory) return std::unexpected(memory.error());
  auto state = std::make_unique<State>(static_cast<SharedFlight*>(*memory), memfd, workers, lane);
  state->memory->used[lane].store(1, std::memory_order_relaxed);
  return FlightWriter(std::move(state));
}

void FlightWriter::take_over(MonoTime now) {
  const auto written = [this](const auto& object) { return state_->written.has(state_->memory, object); };
  for (auto& cells : state_->layout->workers) {
    if (!written(cells)) continue;
    for (std::size_t m = 0; m < kMetricCount; ++m)
      if (kMetrics[m].gauge) cells.metrics[m].store(0, std::memory_order_relaxed);
  }
  // Go on behind the newest finished row of each share, so that the oldest is overwritten first.
  for (auto& share : state_->shares) {
    std::uint64_t newest = 0;
    for (std::size_t i = 0; i < share.finished_count; ++i) {
      const std::size_t at = share.finished_first + i;
      if (!written(state_->layout->finished.head(at)) || state_->layout->finished.torn(at)) continue;
      const auto row = state_->layout->finished.own(at);
      if (row.id == 0 || row.closed_mono_ns < newest) continue;
      newest = row.closed_mono_ns;
      share.finished_next = (i + 1) % share.finished_count;
    }
  }
  std::size_t next_share = 0;
  auto& live = state_->layout->live;
  for (std::size_t i = 0; i < kFlightLiveRows; ++i) {
    if (!written(live.head(i))) continue;
    const bool torn = live.torn(i);
    FlightRow row = live.own(i);
    if (row.id == 0 && !torn) continue;
    live.write(i, FlightRow{});
    if (torn) continue;  // words of two moments: better none than what never was
    row.closed_mono_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
    row.reason = static_cast<std::uint8_t>(Reason::internal_error);
    set_text(row.step, "proxy ended");
    state_->append(state_->shares[next_share++ % state_->shares.size()], row);
  }
}

void FlightWriter::add(std::size_t worker, Metric metric, std::int64_t delta) {
  assert(worker < state_->shares.size());
  bump(state_->layout->workers[worker].metrics[static_cast<std::size_t>(metric)],
       static_cast<std::uint64_t>(delta));
}

void FlightWriter::count(std::size_t worker, Reason reason) {
  assert(worker < state_->shares.size());
  bump(state_->layout->workers[worker].reasons[static_cast<std::size_t>(reason)], 1);
}

std::optional<std::size_t> FlightWriter::open_row(std::size_t worker, const FlightRow& row) {
  auto& free = state_->shares[worker].free;
  if (free.empty()) return std::nullopt;
  const std::size_t slot = free.back();
  free.pop_back();
  state_->layout->live.write(slot, row);
  return slot;
}

void FlightWriter::update_row(std::size_t slot, const FlightRow& row) {
  assert(slot < kFlightLiveRows);
  state_->layout->live.write(slot, row);
}

void FlightWriter::close_row(std::size_t worker, std::optional<std::size_t> slot, const FlightRow& row) {
  auto& share = state_->shares[worker];
  state_->append(share, row);
  if (!slot) return;
  state_->layout->live.write(*slot, FlightRow{});
  share.free.push_back(static_cast<std::uint32_t>(*slot));
}

std::uint64_t FlightWriter::next_id(std::size_t worker) {
  auto& ids = state_->layout->workers[worker].ids;
  bump(ids, 1);
  return (ids.load(std::memory_order_relaxed) * kFlightLanes + state_->lane) * kFlightWorkersMax + worker;
}

Outcome<FlightReader> FlightReader::open(int memfd) {
  Fd own(::fcntl(memfd, F_DUPFD_CLOEXEC, 0));
  if (!own) return fault_errno("flight memory", errno);
  const auto memory = map_flight(own.get(), PROT_READ);
  if (!memory) return std::unexpected(memory.error());
  return FlightReader(
      std::make_unique<const FlightMemory>(std::move(own), static_cast<const SharedFlight*>(*memory)));
}

FlightReader::FlightReader(std::unique_ptr<const FlightMemory> memory) : memory_(std::move(memory)) {}
FlightReader::FlightReader(FlightReader&&) noexcept = default;
FlightReader& FlightReader::operator=(FlightReader&&) noexcept = default;
FlightReader::~FlightReader() = default;

std::int64_t FlightReader::value(Metric metric) const {
  std::uint64_t all = 0;
  for_used_lanes(*memory_->shared, [&](const Lane& lane) { all += sum(lane, metric); });
  return static_cast<std::int64_t>(all);
}

std::int64_t FlightReader::value(Metric metric, std::size_t lane) const {
  if (lane >= kFlightLanes || !is_used(*memory_->shared, lane)) return 0;
  return static_cast<std::int64_t>(sum(memory_->shared->lanes[lane], metric));
}

std::uint64_t FlightReader::count(Reason reason) const {
  std::uint64_t all = 0;
  for_used_lanes(*memory_->shared, [&](const Lane& lane) {
    for (const auto& cells : lane.workers)
      all += cells.reasons[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  });
  return all;
}

std::vector<FlightRow> FlightReader::live() const {
  return safe_rows(*memory_->shared, memory_->memfd.get(), &Lane::live);
}

std::vector<FlightRow> FlightReader::finished() const {
  auto rows = safe_rows(*memory_->shared, memory_->memfd.get(), &Lane::finished);
  std::ranges::sort(rows, {}, [](const FlightRow& row) { return std::pair(row.closed_mono_ns, row.id); });
  return rows;
}

Outcome<Fd> make_flight_memory() {
  Fd fd(::memfd_create("sluice-flight", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fault_errno("cannot make the flight memory", errno);
  if (::ftruncate(fd.get(), sizeof(SharedFlight)) != 0)
    return fault_errno("cannot size the flight memory", errno);
  if (::fcntl(fd.get(), F_ADD_SEALS, kSizeSeals | F_SEAL_SEAL) != 0)
    return fault_errno("cannot seal the flight memory", errno);
  return fd;
}

}  // namespace sluice
