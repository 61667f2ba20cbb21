// MeshTimeout's fields of the client's connection where the client speaks HTTP/2.
#include <algorithm>
#include <chrono>

#include "tests/sim/codec/h2_frames.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;
namespace frames = codec::frames;

struct End {
  std::uint32_t goaway = 99;  // its code; 99: there was none
  bool answered = false;
  Nanos took{};
};

std::string get(std::uint32_t stream, const std::string& path) {
  return frames::request(stream, frames::changed(frames::get(), ":path", path));
}

// Sends `text`, waits for the end of the connection.
io::Task<void> say(HttpLab* lab, Way way, std::string text, End* out) {
  Client client(*lab, way);
  const MonoTime began = lab->ring().now();
  co_await client.send(frames::preface() + frames::settings() + text);
  const std::string all = co_await client.raw(1 << 20);
  out->took = lab->ring().now() - began;
  for (const auto& frame : frames::parse(all)) {
    if (frame.type == frames::kGoaway) out->goaway = frame.code();
    if (frame.type == frames::kHeaders) out->answered = true;
  }
}

class H2Timeouts : public testing::TestWithParam<Side> {
 protected:
  static Way way() { return way_of(GetParam()); }
  static std::string with(const std::string& conf) { return on_side(GetParam(), "MeshTimeout", conf); }
  static FlightRow row(const HttpLab& lab) {
    return lab.last_connection(way() == Way::outbound ? Direction::outbound : Direction::inbound);
  }
};

INSTANTIATE_TEST_SUITE_P(Sides, H2Timeouts, testing::Values(Side::to, Side::rules, Side::from),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(H2Timeouts, IdleTimeoutCountsFromTheEndOfTheLastRequest) {
  HttpLab lab(with("{idleTimeout: 7s, http: {requestTimeout: 30s}}"));
  End end;
  lab.play(say(&lab, way(), get(1, "/wait/1000") + get(3, "/wait/9000"), &end));
  EXPECT_TRUE(end.answered);
  EXPECT_EQ(end.goaway, frames::kNoError);
  EXPECT_GE(end.took, 16s);
  EXPECT_LE(end.took, 16100ms);
  EXPECT_EQ(row(lab).reason, static_cast<std::uint8_t>(Reason::idle_timeout));
}

TEST_P(H2Timeouts, RequestHeadersTimeout) {
  HttpLab lab(with("{http: {requestTimeout: 0s, requestHeadersTimeout: 2s}}"));
  End end;
  const std::string fields = frames::block(frames::get());
  lab.play(say(&lab, way(), frames::frame(frames::kHeaders, frames::kEndStream, 1, fields), &end));
  EXPECT_FALSE(end.answered);
  EXPECT_EQ(end.goaway, frames::kCalm);
  EXPECT_GE(end.took, 2s);
  EXPECT_LE(end.took, 2100ms);
  EXPECT_EQ(row(lab).reason, static_cast<std::uint8_t>(Reason::http_head_timeout));
}

TEST_P(H2Timeouts, MaxConnectionDurationLetsRequestsEnd) {
  HttpLab lab(with("{http: {maxConnectionDuration: 2s}}"));
  End end;
  lab.play(say(&lab, way(), get(1, "/wait/3000"), &end));
  EXPECT_TRUE(end.answered);
  EXPECT_EQ(end.goaway, frames::kNoError);
  EXPECT_GE(end.took, 3s);
  EXPECT_EQ(row(lab).reason, static_cast<std::uint8_t>(Reason::connection_duration));
}

io::Task<void> wait_for_reset(HttpLab* lab, Way way, Nanos* took) {
  Client client(*lab, way);
  const MonoTime began = lab->ring().now();
  co_await client.send(frames::preface() + frames::settings() + get(1, "/drip/100/100"));
  std::string all;
  const auto is_reset = [](const frames::Frame& frame) { return frame.type == frames::kRst; };
  while (std::ranges::none_of(frames::parse(all), is_reset)) {
    const std::size_t had = all.size();
    all = co_await client.raw(had + 1);
    if (all.size() == had) co_return;
  }
  *took = lab->ring().now() - began;
}

TEST_P(H2Timeouts, RequestTimeoutResetsAnAnswerThatHasBegun) {
  HttpLab lab(with("{http: {requestTimeout: 1s}}"));
  Nanos took{};
  lab.play(wait_for_reset(&lab, way(), &took));
  EXPECT_GE(took, 1s);
  EXPECT_LE(took, 1100ms);
  EXPECT_EQ(lab.last_request().reason, static_cast<std::uint8_t>(Reason::request_timeout));
}

}  // namespace
}  // namespace sluice::lab
