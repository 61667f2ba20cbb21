// MeshFaultInjection, from documents to what clients see.
#include <chrono>

#include "policy/kinds/check.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string fault(const std::string& what, const std::string& matches = {}) {
  return "    - " + (matches.empty() ? std::string() : "matches: " + matches + "\n      ") +
         "default: {http: [" + what + "]}\n";
}

io::Task<void> ask_times(HttpLab* lab, Way way, std::string path, int times,
                         std::vector<Client::Answer>* out) {
  Client client(*lab, way);
  for (int i = 0; i < times; ++i) out->push_back(co_await client.ask(path));
}

std::vector<Client::Answer> asked(HttpLab& lab, Way way, int times, const std::string& path = "/echo") {
  std::vector<Client::Answer> out;
  lab.play(ask_times(&lab, way, path, times, &out));
  return out;
}

TEST(Abort, AnswersInsteadOfTheApplication) {
  HttpLab lab(at_api("MeshFaultInjection", fault("{abort: {httpStatus: 418, percentage: 100}}")));
  const auto answers = asked(lab, Way::inbound, 2);
  EXPECT_EQ(answers[0].status, 418);
  EXPECT_EQ(answers[1].status, 418);
  EXPECT_EQ(answers[0].body, "fault filter abort");
  EXPECT_TRUE(lab.application().heads.empty());
  EXPECT_EQ(lab.value(Metric::faults_injected), 2);
  const FlightRow row = lab.last_request();
  EXPECT_EQ(row.reason, static_cast<std::uint8_t>(Reason::fault_injected));
  EXPECT_TRUE(std::string_view(row.rule).starts_with("MeshFaultInjection/at-api (lab.yaml:")) << row.rule;
}

TEST(Abort, HappensToItsPercentage) {
  HttpLab lab(at_api("MeshFaultInjection", fault("{abort: {httpStatus: 500, percentage: \"25.5\"}}")));
  int aborted = 0;
  for (const auto& answer : asked(lab, Way::inbound, 2000)) aborted += answer.status == 500 ? 1 : 0;
  EXPECT_GT(aborted, 510 - 80);
  EXPECT_LT(aborted, 510 + 80);
  HttpLab never(at_api("MeshFaultInjection", fault("{abort: {httpStatus: 500, percentage: 0}}")));
  for (const auto& answer : asked(never, Way::inbound, 50)) EXPECT_EQ(answer.status, 200);
}

TEST(Delay, HoldsTheRequestBack) {
  HttpLab lab(at_api("MeshFaultInjection", fault("{delay: {value: 700ms, percentage: 100}}")));
  const auto answers = asked(lab, Way::inbound, 1);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_GE(answers[0].took, 700ms);
  EXPECT_LT(answers[0].took, 750ms);
}

TEST(Delay, HappensToItsPercentage) {
  HttpLab lab(at_api("MeshFaultInjection", fault("{delay: {value: 1s, percentage: 10}}")));
  int late = 0;
  for (const auto& answer : asked(lab, Way::inbound, 2000)) late += answer.took >= 1s ? 1 : 0;
  EXPECT_GT(late, 200 - 60);
  EXPECT_LT(late, 200 + 60);
}

TEST(Delay, IsNoneOfTheApplicationsTime) {
  const std::string policy = at_api("MeshFaultInjection", fault("{delay: {value: 2s, percentage: 100}}")) +
                             at_api("MeshTimeout", "    - default: {http: {requestTimeout: 1s}}\n");
  HttpLab lab(policy);
  EXPECT_EQ(asked(lab, Way::inbound, 1, "/wait/500")[0].status, 200);
  HttpLab slow(policy);
  const auto late = asked(slow, Way::inbound, 1, "/wait/1500")[0];
  EXPECT_EQ(late.status, 504);
  EXPECT_GE(late.took, 3s);
}

TEST(ResponseBandwidth, SlowsAnswersDown) {
  // 64 KiB a second: 256 KiB take four.
  HttpLab lab(at_api("MeshFaultInjection", fault("{responseBandwidth: {limit: 64kbps, percentage: 100}}")));
  const auto answer = asked(lab, Way::inbound, 1, "/bytes/262144")[0];
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, std::string(262144, 'x'));
  EXPECT_GE(answer.took, 3800ms);
  EXPECT_LE(answer.took, 4200ms);
  HttpLab free(at_api("MeshFaultInjection", fault("{responseBandwidth: {limit: 64kbps, percentage: 0}}")));
  EXPECT_LT(asked(free, Way::inbound, 1, "/bytes/262144")[0].took, 500ms);
}

TEST(Faults, OfSeveralRulesAddUpForThoseTheyMean) {
  const std::string policy =
      at_api("MeshFaultInjection", fault("{delay: {value: 1s, percentage: 100}}") +
                                       fault("{abort: {httpStatus: 503, percentage: 100}}",
                                             "[{spiffeID: {type: Exact, value: \"spiffe://default/job\"}}]") +
                                       fault("{delay: {value: 2s, percentage: 100}}",
                                             "[{spiffeID: {type: Prefix, value: \"spiffe://default/w\"}}]"));
  HttpLab lab(policy, {.mtls = true});
  const auto answer = asked(lab, Way::same_node, 1)[0];
  EXPECT_EQ(answer.status, 200);
  EXPECT_GE(answer.took, 3s);
}

TEST(Faults, OfFromMeanAClientByItsTags) {
  const std::string policy = R"(
type: MeshFaultInjection
name: by-tag
mesh: default
spec:
  targetRef: {kind: MeshService, name: api}
  from:
    - targetRef: {kind: MeshSubset, tags: {role: ROLE}}
      default: {http: [{abort: {httpStatus: 503, percentage: 100}}]}
)";
  const auto with = [&policy](const std::string& role) {
    std::string text = policy;
    return text.replace(text.find("ROLE"), 4, role);
  };
  HttpLab front(with("front"), {.mtls = true});
  EXPECT_EQ(asked(front, Way::same_node, 1)[0].status, 503);
  HttpLab back(with("back"), {.mtls = true});
  EXPECT_EQ(asked(back, Way::same_node, 1)[0].status, 200);
}

TEST(FaultsFrom, EveryFieldIsReadAsInRules) {
  const auto told = [](const std::string& what, const std::string& path = "/echo") {
    HttpLab lab(on_side(Side::from, "MeshFaultInjection", "{http: [{" + what + "}]}"));
    return asked(lab, Way::inbound, 1, path)[0];
  };
  EXPECT_EQ(told("abort: {httpStatus: 418, percentage: 100}").status, 418);
  EXPECT_EQ(told("abort: {httpStatus: 418, percentage: 0}").status, 200);
  EXPECT_GE(told("delay: {value: 700ms, percentage: 100}").took, 700ms);
  EXPECT_LT(told("delay: {value: 700ms, percentage: 0}").took, 100ms);
  const std::string large = "/bytes/262144";
  EXPECT_GE(told("responseBandwidth: {limit: 64kbps, percentage: 100}", large).took, 3800ms);
  EXPECT_LT(told("responseBandwidth: {limit: 64kbps, percentage: 0}", large).took, 500ms);
}

// Built-in gateways are not served.
TEST(FaultsTo, AreForGateways) {
  const auto with = [](const std::string& top) {
    return "type: MeshFaultInjection\nname: out\nmesh: default\nspec:\n  targetRef: " + top +
           "\n  to: [{targetRef: {kind: Mesh}, default: {http: [{abort: {httpStatus: 418, percentage: "
           "100}}]}}]\n---\n";
  };
  EXPECT_TRUE(
      policy::check_text(with("{kind: MeshService, name: web}"), "faults.yaml").diagnostics.has_errors());
  HttpLab lab(with("{kind: Mesh}"));
  EXPECT_EQ(asked(lab, Way::outbound, 1)[0].status, 200);
}

}  // namespace
}  // namespace sluice::lab
