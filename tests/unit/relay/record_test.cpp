#include "relay/record.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>

#include "relay/limits.h"

namespace sluice::relay {
namespace {

using testing::HasSubstr;
using testing::Not;

class RecordTest : public testing::Test {
 protected:
  RecordTest() {
    int ends[2];
    EXPECT_EQ(0, ::pipe(ends));
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  Fd memory = std::move(*make_flight_memory());
  FlightWriter flight = std::move(*FlightWriter::open(memory.get(), 1));
  FlightReader reader = std::move(*FlightReader::open(memory.get()));
  SystemClock clock;
  Fd read_end, write_end;
};

TEST_F(RecordTest, EndsOnceCountsByReasonAndWritesOneLine) {
  {
    AccessLog log(1, AccessFormat::text, write_end.get());
    RecordSinks sinks{flight, log, clock, 0};
    Record record(sinks, Direction::inbound, WorkloadId{7}, ClientAddr(*SocketAddr::parse("10.0.0.1:4242")));
    EXPECT_EQ(1U, reader.live().size());
    EXPECT_EQ(1, reader.value(Metric::connections_open));
    record.workload_name("web");
    record.peer("spiffe://default/evil\nname \"x\"");
    record.add_from_client(3);
    record.end(Error{Reason::permission_denied, Origin::policy, ECONNREFUSED, "policy"});
    record.end(Reason::completed);
  }
  EXPECT_EQ(0U, reader.live().size());
  EXPECT_EQ(0, reader.value(Metric::connections_open));
  EXPECT_EQ(3, reader.value(Metric::bytes_from_client));
  EXPECT_EQ(1U, reader.count(Reason::permission_denied));
  EXPECT_EQ(0U, reader.count(Reason::completed));
  write_end.reset();
  char buffer[4096];
  const ssize_t size = ::read(read_end.get(), buffer, sizeof buffer);
  ASSERT_GT(size, 0);
  const std::string line(buffer, static_cast<std::size_t>(size));
  EXPECT_THAT(line, HasSubstr("inbound permission_denied workload=web client=10.0.0.1:4242"));
  EXPECT_THAT(line, HasSubstr("errno=ECONNREFUSED"));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "what a peer calls itself must not break the line";
}

TEST_F(RecordTest, UnendedRecordIsAnInternalError) {
  AccessLog log(1, AccessFormat::off, write_end.get());
  RecordSinks sinks{flight, log, clock, 0};
  {
    Record record(sinks, Direction::outbound, WorkloadId{1}, ClientAddr());
  }
  EXPECT_EQ(1U, reader.count(Reason::internal_error));
}

TEST(AccessRing, DropsWhenFull) {
  AccessRing ring;
  AccessEntry entry;
  for (std::size_t i = 0; i < kAccessRingSize; ++i) ASSERT_TRUE(ring.push(entry));
  EXPECT_FALSE(ring.push(entry));
  EXPECT_TRUE(ring.pop(entry));
  EXPECT_TRUE(ring.push(entry));
}

TEST(ConnectionPlace, HoldsTheLimit) {
  ConnectionCount count;
  ConnectionPlace first;
  EXPECT_TRUE(first.take(count, 1));
  {
    ConnectionPlace second;
    EXPECT_FALSE(second.take(count, 1));
    EXPECT_TRUE(second.take(count, 0));
  }
  EXPECT_EQ(1U, count.open());
}

}  // namespace
}  // namespace sluice::relay
