#include "app/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sluice::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Metrics : ::testing::Test {
  void SetUp() override {
    auto made = make_flight_memory();
    ASSERT_TRUE(made);
    memory = *std::move(made);
    auto opened = FlightWriter::open(memory.get(), 4);
    ASSERT_TRUE(opened);
    writer.emplace(*std::move(opened));
  }
  std::string page() {
    const auto reader = FlightReader::open(memory.get());
    return reader ? metrics_page(*reader, verdicts, status) : std::string();
  }
  Fd memory;
  std::optional<FlightWriter> writer;
  std::vector<KernelVerdict> verdicts;
  StatusInfo status;
};

TEST_F(Metrics, SumsWorkersAndNamesEveryMetric) {
  writer->add(0, Metric::connections_open, 2);
  writer->add(1, Metric::connections_open, 1);
  const auto text = page();
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto& info = metric_info(static_cast<Metric>(i));
    EXPECT_THAT(text, HasSubstr("# HELP " + std::string(info.name) + " " + std::string(info.help) + "\n"));
    EXPECT_THAT(text,
                HasSubstr("# TYPE " + std::string(info.name) + (info.gauge ? " gauge\n" : " counter\n")));
  }
  EXPECT_THAT(text, HasSubstr("\nsluice_connections_open 3\n"));
}

TEST_F(Metrics, TellsTheSecondsUntilEachCertificateEnds) {
  CertificateInfo leaf;
  leaf.workload = "web-1";
  leaf.mesh = "default";
  leaf.not_after_unix = 1'000'600;
  CertificateInfo ended = leaf;
  ended.workload = "old-1";
  ended.not_after_unix = 999'990;
  const std::vector<CertificateInfo> certificates{leaf, ended};
  const auto reader = FlightReader::open(memory.get());
  ASSERT_TRUE(reader);
  const auto text =
      metrics_page(*reader, verdicts, status, certificates, WallTime(std::chrono::seconds(1'000'000)));
  EXPECT_THAT(text, HasSubstr("_expiry_seconds{mesh=\"default\",workload=\"web-1\"} 600\n"));
  EXPECT_THAT(text, HasSubstr("_expiry_seconds{mesh=\"default\",workload=\"old-1\"} -10\n"));
}

TEST_F(Metrics, HasOneSamplePerReasonThatOccurred) {
  writer->count(0, Reason::permission_denied);
  writer->count(2, Reason::permission_denied);
  writer->count(1, Reason::completed);
  const auto text = page();
  EXPECT_THAT(text, HasSubstr("sluice_connections_ended_total{reason=\"permission_denied\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_connections_ended_total{reason=\"completed\"} 1\n"));
  std::istringstream lines(text);
  int samples = 0;
  for (std::string line; std::getline(lines, line);)
    samples += line.starts_with("sluice_connections_ended_total{") ? 1 : 0;
  EXPECT_EQ(samples, 2);
}

TEST_F(Metrics, EscapesLabelValues) {
  verdicts = {{"a\\b\"c\nd", Reason::captured_outbound, 11}, {"", Reason::guard_syn, 2}};
  const auto text = page();
  EXPECT_THAT(text, HasSubstr("sluice_kernel_verdicts_total{workload=\"a\\\\b\\\"c\\nd\","
                              "reason=\"captured_outbound\"} 11\n"));
  EXPECT_THAT(text, HasSubstr("sluice_kernel_verdicts_total{workload=\"\",reason=\"guard_syn\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nd\"")));
}

TEST_F(Metrics, TellsTheAgentsState) {
  status.ready = true;
  status.workloads = 3;
  status.repairs = 5'000'000'000;
  status.heartbeat_age_seconds = 0.25;
  status.proxy_restarts = 2;
  status.health_events_written = 7;
  const auto text = page();
  EXPECT_THAT(text, HasSubstr("\nsluice_ready 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_workloads 3\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_repairs_total 5000000000\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_heartbeat_age_seconds 0.25\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_proxy_restarts_total 2\n"));
  EXPECT_THAT(text, HasSubstr("\nsluice_health_events_total{outcome=\"written\"} 7\n"));
}

// A reader of the format wants HELP, then TYPE, then this metric's samples, each metric once.
TEST_F(Metrics, KeepsEachMetricTogetherUnderItsHelpAndType) {
  for (std::size_t i = 1; i < reason_count(); ++i) writer->count(0, *reason_from_number(std::uint32_t(i)));
  verdicts = {{"web", Reason::captured_outbound, 1}, {"db", Reason::captured_outbound, 1}};
  std::istringstream lines(page());
  std::set<std::string> seen_metrics;
  std::set<std::string> seen_samples;
  std::string current;
  bool typed = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind, name;
    if (line.starts_with("# ")) {
      words >> hash >> kind >> name;
      if (kind == "HELP") {
        EXPECT_TRUE(seen_metrics.insert(name).second) << name << " twice";
        current = name;
        typed = false;
      } else {
        EXPECT_EQ(kind, "TYPE");
        EXPECT_EQ(name, current);
        typed = true;
      }
      continue;
    }
    EXPECT_TRUE(typed) << line;
    EXPECT_EQ(line.substr(0, line.find_first_of("{ ")), current);
    EXPECT_TRUE(seen_samples.insert(line.substr(0, line.rfind(' '))).second) << line << " twice";
  }
  EXPECT_FALSE(seen_metrics.empty());
}

}  // namespace
}  // namespace sluice::agent
