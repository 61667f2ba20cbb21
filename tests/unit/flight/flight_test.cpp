#include "base/flight.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace sluice {
namespace {

FlightRow row_of(std::uint64_t id, std::string_view service = "web") {
  FlightRow row;
  row.id = id;
  row.closed_mono_ns = id;
  set_text(row.service, service);
  return row;
}

struct Flight : testing::Test {
  Fd memory = make_flight_memory().value();
  FlightReader reader = FlightReader::open(memory.get()).value();
  FlightWriter writer = FlightWriter::open(memory.get(), 2).value();
};

TEST_F(Flight, SumsCellsOverWorkers) {
  writer.add(0, Metric::connections_open, 3);
  writer.add(1, Metric::connections_open, -1);
  writer.count(0, Reason::completed);
  writer.count(1, Reason::completed);
  EXPECT_EQ(reader.value(Metric::connections_open), 2);
  EXPECT_EQ(reader.count(Reason::completed), 2u);
  EXPECT_TRUE(metric_info(Metric::connections_open).gauge);
  EXPECT_FALSE(metric_info(Metric::bytes_from_client).gauge);
}

TEST_F(Flight, RowLivesIsUpdatedAndEndsInTheRing) {
  const auto id = writer.next_id(1);
  auto row = row_of(id);
  const auto slot = writer.open_row(1, row);
  ASSERT_TRUE(slot);
  row.bytes_from_client = 7;
  writer.update_row(*slot, row);
  ASSERT_EQ(reader.live().size(), 1u);
  EXPECT_EQ(reader.live()[0].bytes_from_client, 7u);
  row.reason = static_cast<std::uint8_t>(Reason::completed);
  writer.close_row(1, slot, row);
  EXPECT_TRUE(reader.live().empty());
  ASSERT_EQ(reader.finished().size(), 1u);
  EXPECT_EQ(reader.finished()[0].id, id);
  EXPECT_STREQ(reader.finished()[0].service, "web");
}

FlightRow told_in_full(std::uint64_t id) {
  auto row = row_of(id, std::string(sizeof(FlightRow::service) - 1, 's'));
  set_text(row.peer_identity, "spiffe://default/client");
  set_text(row.rule, std::string(sizeof(FlightRow::rule) - 1, 'r'));
  set_text(row.step, "eight ch");
  set_text(row.method, "OPTIONS");
  set_text(row.path, "/seven7");
  row.retries = 3;
  row.requests = 4;
  return row;
}

TEST_F(Flight, EveryTextComesBackAndNoneOfAFormerRow) {
  const auto slot = writer.open_row(0, told_in_full(1));
  ASSERT_TRUE(slot);
  auto row = reader.live().at(0);
  EXPECT_EQ(std::string_view(row.service), std::string(sizeof row.service - 1, 's'));
  EXPECT_STREQ(row.peer_identity, "spiffe://default/client");
  EXPECT_EQ(std::string_view(row.rule), std::string(sizeof row.rule - 1, 'r'));
  EXPECT_STREQ(row.step, "eight ch");
  EXPECT_STREQ(row.method, "OPTIONS");
  EXPECT_STREQ(row.path, "/seven7");
  EXPECT_EQ(row.retries, 3u);
  EXPECT_EQ(row.requests, 4u);
  writer.update_row(*slot, row_of(2, "short"));
  row = reader.live().at(0);
  EXPECT_STREQ(row.service, "short");
  for (const std::string_view text : {row.peer_identity, row.rule, row.step, row.method, row.path})
    EXPECT_EQ(text, "");
}

std::size_t memory_in_use(const Fd& memory) {
  struct stat info{};
  EXPECT_EQ(::fstat(memory.get(), &info), 0);
  return static_cast<std::size_t>(info.st_blocks) * 512;
}

TEST_F(Flight, ALiveRowWithoutARuleTakesLittleMemory) {
  auto row = row_of(1);
  set_text(row.peer_identity, "spiffe://default/client");
  const auto before = memory_in_use(memory);
  constexpr std::size_t kRows = 2000;
  for (std::size_t i = 0; i < kRows; ++i) ASSERT_TRUE(writer.open_row(0, row));
  const auto each = (memory_in_use(memory) - before) / kRows;
  EXPECT_EQ(reader.live().size(), kRows);
  EXPECT_GT(each, 100u);
  EXPECT_LT(each, 400u);  // of 660
}

TEST_F(Flight, ReadingAsksNothingOfWhatWasNeverWritten) {
  ASSERT_TRUE(writer.open_row(1, row_of(1)));
  writer.close_row(0, std::nullopt, row_of(2));
  const auto before = memory_in_use(memory);
  EXPECT_EQ(reader.live().size(), 1u);
  EXPECT_EQ(reader.finished().size(), 1u);
  EXPECT_EQ(memory_in_use(memory), before);
}

TEST_F(Flight, FullShareLeavesTheNeighbourFree) {
  std::size_t opened = 0;
  while (writer.open_row(0, row_of(opened + 1))) ++opened;
  EXPECT_EQ(opened, kFlightLiveRows / 2);
  EXPECT_TRUE(writer.open_row(1, row_of(1)));
  EXPECT_EQ(reader.live().size(), opened + 1);
}

TEST_F(Flight, RingKeepsTheNewest) {
  for (std::uint64_t i = 1; i <= kFlightFinishedRows; ++i) writer.close_row(0, std::nullopt, row_of(i));
  const auto rows = reader.finished();
  ASSERT_EQ(rows.size(), kFlightFinishedRows / 2);
  EXPECT_EQ(rows.front().id, kFlightFinishedRows / 2 + 1);
  EXPECT_EQ(rows.back().id, kFlightFinishedRows);
}

TEST_F(Flight, TakeOverEndsWhatADeadProxyLeft) {
  const auto first_id = writer.next_id(0);
  ASSERT_TRUE(writer.open_row(0, row_of(first_id)));
  writer.close_row(1, std::nullopt, row_of(5));
  writer.add(0, Metric::connections_open, 1);
  writer.add(0, Metric::bytes_from_client, 9);
  auto successor = FlightWriter::open(memory.get(), 3).value();
  successor.take_over(MonoTime(Nanos(1000)));
  EXPECT_TRUE(reader.live().empty());
  EXPECT_EQ(reader.value(Metric::connections_open), 0);
  EXPECT_EQ(reader.value(Metric::bytes_from_client), 9);
  const auto rows = reader.finished();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.back().id, first_id);
  EXPECT_STREQ(rows.back().step, "proxy ended");
  EXPECT_NE(successor.next_id(0), first_id);
}

TEST_F(Flight, LanesOfTwoProxiesAreReadAsOneAndEndedApart) {
  auto other = FlightWriter::open(memory.get(), 2, 1).value();
  const auto id = writer.next_id(0);
  const auto other_id = other.next_id(0);
  EXPECT_NE(id, other_id);
  ASSERT_TRUE(writer.open_row(0, row_of(id)));
  ASSERT_TRUE(other.open_row(0, row_of(other_id)));
  writer.add(0, Metric::connections_open, 2);
  other.add(0, Metric::connections_open, 3);
  EXPECT_EQ(reader.value(Metric::connections_open), 5);
  EXPECT_EQ(reader.value(Metric::connections_open, 1), 3);
  EXPECT_EQ(reader.value(Metric::connections_open, 3), 0) << "a lane that nobody has opened";
  EXPECT_EQ(reader.value(Metric::connections_open, kFlightLanes), 0);
  EXPECT_EQ(reader.live().size(), 2u);
  FlightWriter::open(memory.get(), 1, 1).value().take_over(MonoTime(Nanos(1)));
  ASSERT_EQ(reader.live().size(), 1u);
  EXPECT_EQ(reader.live()[0].id, id);
  EXPECT_EQ(reader.value(Metric::connections_open), 2);
  ASSERT_EQ(reader.finished().size(), 1u);
  EXPECT_EQ(reader.finished()[0].id, other_id);
  EXPECT_FALSE(FlightWriter::open(memory.get(), 1, kFlightLanes));
}

TEST_F(Flight, ScribblerCannotFoolTheReader) {
  struct stat info{};
  ASSERT_EQ(::fstat(memory.get(), &info), 0);
  EXPECT_NE(::ftruncate(memory.get(), 0), 0) << "a writer could shrink the memory under the reader";
  const auto size = static_cast<std::size_t>(info.st_size);
  auto* bytes =
      static_cast<unsigned char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0));
  ASSERT_NE(bytes, MAP_FAILED);
  const char* given = std::getenv("SLUICE_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SLUICE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4; ++round) {
    // Even words pass as sequence numbers, small bytes as enumerators: most rows look written.
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<unsigned char>(random() & (round % 2 ? 0x02 : 0xff));
    for (const auto& rows : {reader.live(), reader.finished()}) {
      for (const auto& row : rows) {
        ASSERT_LE(row.direction, 1);
        ASSERT_TRUE(reason_from_number(row.reason));
        ASSERT_EQ(row.rule[sizeof row.rule - 1], '\0');
        for (const char c : std::string_view(row.service)) ASSERT_TRUE(c >= ' ' && c <= '~');
      }
    }
    (void)reader.value(Metric::bytes_to_client);
    writer.take_over(MonoTime(Nanos(1)));
  }
  ::munmap(bytes, size);
}

// A row of which every word and every text tells the same number.
FlightRow whole_row(std::uint64_t number) {
  FlightRow row;
  row.id = row.opened_wall_ns = row.opened_mono_ns = row.table_hash = number;
  row.bytes_from_client = row.bytes_to_client = number;
  row.retries = row.requests = static_cast<std::uint32_t>(number);
  const char letter = static_cast<char>('a' + number % 26);
  set_text(row.service, std::string(number % sizeof row.service, letter));
  set_text(row.peer_identity, std::string(number * 7 % sizeof row.peer_identity, letter));
  set_text(row.rule, std::string(number * 11 % sizeof row.rule, letter));
  set_text(row.path, std::string(number * 13 % sizeof row.path, letter));
  return row;
}

bool is_whole(const FlightRow& row) {
  auto expected = whole_row(row.id);
  expected.closed_mono_ns = row.closed_mono_ns;
  expected.reason = row.reason;
  const std::string_view texts[] = {row.service, row.peer_identity, row.rule, row.path};
  const std::string_view wanted[] = {expected.service, expected.peer_identity, expected.rule, expected.path};
  return std::memcmp(static_cast<const FlightFacts*>(&row), static_cast<const FlightFacts*>(&expected),
                     sizeof(FlightFacts)) == 0 &&
         std::ranges::equal(texts, wanted);
}

// Connections come, change and end, one after the other.
void write_rows(FlightWriter& writer, std::size_t worker, const std::atomic<bool>& stop) {
  for (std::uint64_t i = 1; !stop.load(std::memory_order_relaxed); ++i) {
    const auto slot = writer.open_row(worker, whole_row(i));
    for (int update = 0; slot && update < 8; ++update) writer.update_row(*slot, whole_row(++i));
    auto end = whole_row(i);
    end.closed_mono_ns = i;
    writer.close_row(worker, slot, end);
    writer.count(worker, Reason::completed);
  }
}

TEST_F(Flight, ConcurrentReaderSeesOnlyWholeRows) {
  std::atomic<bool> stop = false;
  std::thread first([&] { write_rows(writer, 0, stop); });
  std::thread second([&] { write_rows(writer, 1, stop); });
  std::size_t live = 0;
  std::size_t finished = 0;
  std::size_t torn = 0;
  const auto look = [&torn](const std::vector<FlightRow>& rows, std::size_t& seen) {
    seen += rows.size();
    torn += static_cast<std::size_t>(std::ranges::count_if(rows, std::not_fn(is_whole)));
  };
  // A busy machine may give the writers no time for long.
  for (int i = 0; i < 30 || ((live == 0 || finished == 0) && i < 20000); ++i) {
    for (int again = 0; again < 20; ++again) look(reader.live(), live);
    look(reader.finished(), finished);
  }
  stop = true;
  first.join();
  second.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_GT(live, 0u);
  EXPECT_GT(finished, 0u);
}

// The successor of a proxy that was killed at any moment finds rows that are half written.
TEST_F(Flight, NobodySeesWhatAKilledWriterLeftHalfWritten) {
  constexpr int kLives = 60;
  for (int life = 0; life < kLives; ++life) {
    const auto before = reader.count(Reason::completed);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      (void)writer.open_row(1, whole_row(5));
      write_rows(writer, 0, std::atomic<bool>(false));
    }
    const auto rows_first = static_cast<std::uint64_t>(1 + life * 37 % 200);
    while (reader.count(Reason::completed) < before + rows_first) std::this_thread::yield();
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    auto successor = FlightWriter::open(memory.get(), 2).value();
    successor.take_over(MonoTime(Nanos(1)));
    EXPECT_TRUE(reader.live().empty());
    const auto rows = reader.finished();
    for (const auto& row : rows) ASSERT_TRUE(is_whole(row)) << "life " << life << ", row " << row.id;
    EXPECT_TRUE(std::ranges::any_of(rows, [](const FlightRow& row) {
      return row.id == 5 && std::string_view(row.step) == "proxy ended";
    })) << "a whole row is told of";
  }
}

TEST(FlightMemory, RefusesForeignMemory) {
  Fd other(::memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_FALSE(FlightReader::open(other.get()));
  EXPECT_FALSE(FlightWriter::open(make_flight_memory()->get(), 0));
  EXPECT_FALSE(FlightWriter::open(make_flight_memory()->get(), kFlightWorkersMax + 1));
}

// A default string_view has no address at all; the undefined behaviour sanitizer watches this one.
TEST(FlightText, AnEmptyTextClearsTheField) {
  char field[4] = {'a', 'b', 'c', 'd'};
  set_text(field, std::string_view());
  EXPECT_EQ(std::string_view(field, 4), std::string_view("\0\0\0\0", 4));
}

}  // namespace
}  // namespace sluice
