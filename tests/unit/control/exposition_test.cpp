#include "control/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace sluice::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Exposition, NamesEveryMetricWithItsReasons) {
  MetricsInput input;
  input.values[static_cast<std::size_t>(Metric::connections_open)] = 3;
  input.ended.assign(reason_count(), 0);
  input.ended[static_cast<std::size_t>(Reason::permission_denied)] = 7;
  input.verdicts = {{"we\"b", Reason::captured_outbound, 11}, {"", Reason::guard_syn, 2}};
  input.status.ready = true;
  input.status.heartbeat_age_seconds = -1;
  input.certificates.resize(1);
  input.certificates[0].workload = "web";
  input.certificates[0].not_after_unix = 1'900'000'000;
  const auto page = metrics_page(input);
  for (std::size_t i = 0; i < kMetricCount; ++i)
    EXPECT_THAT(page, HasSubstr("# TYPE " + std::string(metric_info(static_cast<Metric>(i)).name)));
  EXPECT_THAT(page, HasSubstr("sluice_connections_open 3\n"));
  EXPECT_THAT(
      page, HasSubstr("sluice_connections_ended_total{reason=\"permission_denied\",origin=\"policy\"} 7\n"));
  EXPECT_THAT(
      page,
      HasSubstr("sluice_kernel_verdicts_total{workload=\"we\\\"b\",reason=\"captured_outbound\"} 11\n"));
  EXPECT_THAT(page, HasSubstr("sluice_ready 1\n"));
  EXPECT_THAT(page,
              HasSubstr("sluice_certificate_not_after_seconds{workload=\"web\",mesh=\"\"} 1900000000\n"));
  EXPECT_THAT(page, Not(HasSubstr("heartbeat_age")));
  // Every line is a comment or "name[{labels}] value".
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(line.starts_with("# ") || line.starts_with("sluice_")) << line;
}

TEST(Exposition, CopiesTheFlightRecorder) {
  const auto memory = make_flight_memory();
  ASSERT_TRUE(memory);
  auto writer = FlightWriter::open(memory->get(), 4);
  ASSERT_TRUE(writer);
  writer->add(1, Metric::tunnels_opened, 4);
  writer->count(0, Reason::completed);
  writer->count(2, Reason::completed);
  const auto reader = FlightReader::open(memory->get());
  ASSERT_TRUE(reader);
  MetricsInput input;
  read_flight(*reader, input);
  EXPECT_EQ(input.values[static_cast<std::size_t>(Metric::tunnels_opened)], 4);
  EXPECT_EQ(input.ended[static_cast<std::size_t>(Reason::completed)], 2u);
}

}  // namespace
}  // namespace sluice::control
