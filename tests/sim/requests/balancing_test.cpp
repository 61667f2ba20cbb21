// MeshLoadBalancingStrategy, from documents to which endpoint of far gets a request.
#include <algorithm>
#include <chrono>
#include <set>

#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

struct Ask {
  std::string path = "/echo";
  std::string fields{};
};
using Asks = std::vector<Ask>;
using Places = std::vector<std::size_t>;  // the endpoint of each request, in their order

// Requests one after the other over one connection, each of which must be served.
io::Task<void> ask_all(HttpLab* lab, std::size_t endpoints, Asks asks, Places* out) {
  Client client(*lab, Way::outbound);
  for (const Ask& one : asks) {
    std::vector<std::size_t> before;
    for (std::size_t i = 0; i < endpoints; ++i) before.push_back(lab->far(i).heads.size());
    const auto answer = co_await client.ask(one.path, one.fields);
    EXPECT_EQ(answer.status, 200);
    for (std::size_t i = 0; i < endpoints; ++i) {
      if (lab->far(i).heads.size() != before[i]) out->push_back(i);
    }
  }
}

// All endpoints count alike wherever they are.
std::string strategy(const std::string& conf) {
  return towards("MeshLoadBalancingStrategy", "far", "{localityAwareness: {disabled: true}, " + conf + "}");
}

Places places_of(const std::string& conf, Asks asks, std::uint64_t seed = 1, std::size_t endpoints = 3) {
  HttpLab lab(strategy(conf), {.seed = seed, .far_endpoints = endpoints});
  Places out;
  lab.play(ask_all(&lab, endpoints, asks, &out));
  EXPECT_EQ(out.size(), asks.size());
  return out;
}

std::size_t count(const Places& places, std::size_t endpoint) {
  return static_cast<std::size_t>(std::ranges::count(places, endpoint));
}

std::size_t fewest(const Places& places, std::size_t endpoints = 3) {
  std::size_t least = places.size();
  for (std::size_t i = 0; i < endpoints; ++i) least = std::min(least, count(places, i));
  return least;
}

std::size_t different(const Places& places) {
  return std::set(places.begin(), places.end()).size();
}

Asks users(int number, const std::string& field = "x-user") {
  Asks out;
  for (int i = 0; i < number; ++i) out.push_back({"/echo", field + ": user-" + std::to_string(i) + "\r\n"});
  return out;
}

TEST(Balancer, RoundRobinGoesFromOneToTheNext) {
  const Places places = places_of("loadBalancer: {type: RoundRobin}", Asks(30));
  EXPECT_EQ(fewest(places), 10U);
  for (std::size_t i = 3; i < places.size(); ++i) EXPECT_EQ(places[i], places[i - 3]) << i;
}

TEST(Balancer, RandomGoesAnywhere) {
  const Places places = places_of("loadBalancer: {type: Random}", Asks(300));
  EXPECT_GT(fewest(places), 60U);
  int again = 0;
  for (std::size_t i = 1; i < places.size(); ++i) again += places[i] == places[i - 1];
  EXPECT_GT(again, 60) << "in turn none would be asked twice in a row";
}

io::Task<void> ask_and_forget(HttpLab* lab) {
  Client client(*lab, Way::outbound);
  (void)co_await client.ask("/echo");
}

io::Task<void> ask_while_some_hang(HttpLab* lab, int requests) {
  io::Scope scope;
  for (int i = 0; i < requests; ++i) {
    scope.spawn(ask_and_forget(lab));
    (void)co_await lab->ring().sleep_for(10ms);
  }
  scope.cancel();
  co_await scope.join();
}

// How many of 60 requests go to endpoints that never answer, all but the last of them.
std::size_t stuck(const std::string& conf, std::size_t endpoints) {
  HttpLab lab(strategy(conf), {.far_endpoints = endpoints});
  for (std::size_t i = 0; i + 1 < endpoints; ++i) lab.far(i).always.after = 10min;
  lab.play(ask_while_some_hang(&lab, 60));
  return 60 - lab.far(endpoints - 1).heads.size();
}

TEST(Balancer, LeastRequestShunsWhoIsBusy) {
  EXPECT_LE(stuck("loadBalancer: {type: LeastRequest}", 2), 1U);
  EXPECT_EQ(stuck("loadBalancer: {type: RoundRobin}", 2), 30U);
}

TEST(Balancer, ChoiceCountIsHowManyAreCompared) {
  EXPECT_LE(stuck("loadBalancer: {type: LeastRequest, leastRequest: {choiceCount: 40}}", 3), 2U);
  EXPECT_GT(stuck("loadBalancer: {type: LeastRequest, leastRequest: {choiceCount: 2}}", 3), 9U);
}

TEST(Balancer, ActiveRequestBiasIsHowMuchBusyCounts) {
  EXPECT_GT(stuck("loadBalancer: {type: LeastRequest, leastRequest: {activeRequestBias: '0'}}", 2), 15U);
  EXPECT_LE(stuck("loadBalancer: {type: LeastRequest, leastRequest: {activeRequestBias: '1'}}", 2), 1U);
}

// One policy by the header x-user.
std::string by_user(const std::string& balancer) {
  return "loadBalancer: " + balancer + ", hashPolicies: [{type: Header, header: {name: x-user}}]";
}

TEST(RingHash, KeepsEachKeyAtItsEndpoint) {
  const std::string ring = by_user("{type: RingHash}");
  const Places once = places_of(ring, users(90));
  EXPECT_GT(fewest(once), 15U);
  EXPECT_EQ(places_of(ring, users(90), 2), once) << "whatever chance says";
  EXPECT_NE(places_of(by_user("{type: Random}"), users(90), 2), once);
}

TEST(RingHash, HashFunctionPutsKeysElsewhere) {
  const auto with = [](const std::string& function) {
    return places_of(by_user("{type: RingHash, ringHash: {hashFunction: " + function + "}}"), users(90));
  };
  EXPECT_EQ(with("XXHash"), places_of(by_user("{type: RingHash}"), users(90)));
  EXPECT_NE(with("MurmurHash2"), with("XXHash"));
}

TEST(RingHash, SizesAreThoseOfTheRing) {
  const auto with = [](const std::string& sizes) {
    return places_of(by_user("{type: RingHash, ringHash: {" + sizes + "}}"), users(300));
  };
  const Places usual = with("minRingSize: 1024");
  EXPECT_EQ(with("maxRingSize: 8000000"), usual) << "what nothing says";
  EXPECT_GT(fewest(usual), 70U);
  EXPECT_NE(with("minRingSize: 4096"), usual);
  EXPECT_NE(with("minRingSize: 4"), usual);
  EXPECT_NE(with("minRingSize: 4, maxRingSize: 4"), with("minRingSize: 4"));
}

TEST(Maglev, KeepsEachKeyAtItsEndpoint) {
  const std::string maglev = by_user("{type: Maglev}");
  const Places once = places_of(maglev, users(300));
  EXPECT_GT(fewest(once), 75U);
  EXPECT_EQ(places_of(maglev, users(300), 2), once);
  EXPECT_NE(places_of(by_user("{type: RingHash}"), users(300)), once);
}

TEST(Maglev, TableSizeIsHowEvenlyItSpreads) {
  const auto with = [](const std::string& size) {
    return places_of(by_user("{type: Maglev, maglev: {tableSize: " + size + "}}"), users(300));
  };
  EXPECT_EQ(with("65537"), places_of(by_user("{type: Maglev}"), users(300))) << "what nothing says";
  EXPECT_LT(fewest(with("5")), 75U) << "one of three has one place of five";
}

// Kuma 2 has them in the balancers' blocks as well.
class HashPolicies : public testing::TestWithParam<const char*> {
 protected:
  static std::string hashed(const std::string& policies) {
    std::string out = GetParam();
    return out.replace(out.find("LIST"), 4, policies);
  }
};

std::string place_name(const testing::TestParamInfo<const char*>& info) {
  return info.index == 0 ? "Own" : info.index == 1 ? "OfRingHash" : "OfMaglev";
}

INSTANTIATE_TEST_SUITE_P(Places, HashPolicies,
                         testing::Values("loadBalancer: {type: RingHash}, hashPolicies: [LIST]",
                                         "loadBalancer: {type: RingHash, ringHash: {hashPolicies: [LIST]}}",
                                         "loadBalancer: {type: Maglev, maglev: {hashPolicies: [LIST]}}"),
                         place_name);

TEST_P(HashPolicies, HeaderIsTheOneNamed) {
  const std::string by_tenant = hashed("{type: Header, header: {name: X-Tenant}}");
  EXPECT_EQ(different(places_of(by_tenant, users(40, "x-tenant"))), 3U);
  EXPECT_EQ(different(places_of(by_tenant, Asks(20, {"/echo", "x-tenant: a\r\n"}))), 1U);
  EXPECT_EQ(different(places_of(by_tenant, Asks(40, {"/echo", "x-user: a\r\n"}))), 3U) << "another header";
}

TEST_P(HashPolicies, CookieIsTheOneNamed) {
  const std::string by_cookie = hashed("{type: Cookie, cookie: {name: sid}}");
  EXPECT_EQ(different(places_of(by_cookie, Asks(20, {"/echo", "cookie: x=1; sid=a\r\n"}))), 1U);
  EXPECT_EQ(different(places_of(by_cookie, users(40, "cookie: x=1; sid"))), 3U) << "no cookie of that name";
  Asks sessions;
  for (int i = 0; i < 40; ++i) sessions.push_back({"/echo", "cookie: sid=s" + std::to_string(i) + "\r\n"});
  EXPECT_EQ(different(places_of(by_cookie, sessions)), 3U);
}

struct Session {
  std::string made;          // the first answer's Set-Cookie
  std::string made_again{};  // the next one's, to a request with that cookie
  Places places{};
};

io::Task<void> keep_session(HttpLab* lab, Session* out) {
  Client client(*lab, Way::outbound);
  out->made = (co_await client.ask("/echo")).field("set-cookie");
  const std::string pair = out->made.substr(0, out->made.find(';'));
  for (std::size_t i = 0; i < 3; ++i) {
    if (lab->far(i).heads.size() == 1) out->places.push_back(i);
  }
  out->made_again = (co_await client.ask("/echo", "cookie: " + pair + "\r\n")).field("set-cookie");
  co_await ask_all(lab, 3, Asks(10, {"/echo", "cookie: " + pair + "\r\n"}), &out->places);
}

Session session(const std::string& conf, std::uint64_t seed = 1) {
  HttpLab lab(strategy(conf), {.seed = seed, .far_endpoints = 3});
  Session out;
  lab.play(keep_session(&lab, &out));
  return out;
}

TEST_P(HashPolicies, CookieWithTtlIsMade) {
  EXPECT_EQ(session(hashed("{type: Cookie, cookie: {name: sid}}")).made, "");
  std::set<std::size_t> places;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Session kept = session(hashed("{type: Cookie, cookie: {name: sid, ttl: 90s, path: /shop}}"), seed);
    EXPECT_TRUE(kept.made.starts_with("sid=\"")) << kept.made;
    EXPECT_TRUE(kept.made.ends_with("\"; Max-Age=90; Path=/shop; HttpOnly")) << kept.made;
    EXPECT_EQ(kept.made_again, "");
    EXPECT_EQ(different(kept.places), 1U) << "it leads to where it was made";
    places.insert(kept.places.front());
  }
  EXPECT_EQ(places.size(), 3U) << "each client gets one of its own";
  const Session plain = session(hashed("{type: Cookie, cookie: {name: sid, ttl: 2m}}"));
  EXPECT_TRUE(plain.made.ends_with("\"; Max-Age=120; HttpOnly")) << plain.made;
}

TEST_P(HashPolicies, CookieWithTtlZeroIsOfTheSession) {
  const Session kept = session(hashed("{type: Cookie, cookie: {name: sid, ttl: 0s}}"));
  EXPECT_TRUE(kept.made.starts_with("sid=\"")) << kept.made;
  EXPECT_TRUE(kept.made.ends_with("\"; HttpOnly")) << kept.made;
  EXPECT_EQ(kept.made.find("Max-Age"), std::string::npos) << kept.made;
  EXPECT_EQ(kept.made.find("Expires"), std::string::npos) << kept.made;
  EXPECT_EQ(kept.made_again, "");
  EXPECT_EQ(different(kept.places), 1U);
}

TEST_P(HashPolicies, SourceIpIsTheClients) {
  EXPECT_EQ(different(places_of(hashed("{type: SourceIP, connection: {sourceIP: true}}"), Asks(30))), 1U);
  EXPECT_EQ(different(places_of(hashed("{type: Connection, connection: {sourceIP: true}}"), Asks(30))), 1U);
  EXPECT_EQ(different(places_of(hashed("{type: Connection, connection: {sourceIP: false}}"), Asks(30))), 3U);
}

TEST_P(HashPolicies, QueryParameterIsTheOneNamed) {
  const std::string by_user = hashed("{type: QueryParameter, queryParameter: {name: user}}");
  Asks asks;
  for (int i = 0; i < 40; ++i) asks.push_back({"/echo?a=1&user=u" + std::to_string(i)});
  EXPECT_EQ(different(places_of(by_user, asks)), 3U);
  EXPECT_EQ(different(places_of(by_user, Asks(20, {"/echo?n=2&user=me"}))), 1U);
  EXPECT_EQ(different(places_of(by_user, Asks(40, {"/echo?users=me"}))), 3U);
}

// Nothing sets filter state in a sidecar, so the policy leaves the choice to the next one or to chance.
TEST_P(HashPolicies, FilterStateSaysNothing) {
  const std::string state = "{type: FilterState, filterState: {key: k}, terminal: true}";
  EXPECT_EQ(different(places_of(hashed(state), Asks(40, {"/echo", "k: a\r\n"}))), 3U);
  const std::string then_user = hashed(state + ", {type: Header, header: {name: x-user}}");
  EXPECT_EQ(different(places_of(then_user, Asks(20, {"/echo", "x-user: a\r\n"}))), 1U);
}

TEST_P(HashPolicies, TerminalEndsTheListWhereItSpeaks) {
  const auto by_both = [](const std::string& terminal) {
    return hashed("{type: Header, header: {name: x-tenant}, terminal: " + terminal +
                  "}, {type: Header, header: {name: x-user}}");
  };
  Asks of_one_tenant;
  for (const Ask& user : users(40)) of_one_tenant.push_back({"/echo", "x-tenant: a\r\n" + user.fields});
  EXPECT_EQ(different(places_of(by_both("false"), of_one_tenant)), 3U);
  EXPECT_EQ(different(places_of(by_both("true"), of_one_tenant)), 1U);
  EXPECT_EQ(places_of(by_both("true"), users(40)),
            places_of(hashed("{type: Header, header: {name: x-user}}"), users(40)))
      << "without a tenant the next one counts";
}

// Four endpoints: far and far-2 in web's zone, far-3 and far-4 in the zone west; rack r1 is web's and far's.
Places near(const std::string& locality, int requests, std::set<std::size_t> down = {}) {
  HttpLab lab(towards("MeshLoadBalancingStrategy", "far",
                      "{loadBalancer: {type: Random}, localityAwareness: " + locality + "}"),
              {.far_endpoints = 4, .down = std::move(down)});
  Places out;
  lab.play(ask_all(&lab, 4, Asks(static_cast<std::size_t>(requests)), &out));
  return out;
}

TEST(Locality, DisabledMakesAllZonesAlike) {
  const Places usual = near("{}", 100);
  EXPECT_EQ(count(usual, 2) + count(usual, 3), 0U) << "other zones come second";
  EXPECT_GT(fewest(near("{disabled: true}", 200), 4), 25U);
}

TEST(Locality, AffinityTagsPreferTheirLikes) {
  const auto at_far = [](const std::string& tags) {
    const Places places = near("{localZone: {affinityTags: [" + tags + "]}}", 500);
    EXPECT_EQ(count(places, 0) + count(places, 1), 500U);
    return count(places, 0);
  };
  const auto within = [](std::size_t value, std::size_t low, std::size_t high) {
    EXPECT_GE(value, low);
    EXPECT_LE(value, high);
  };
  within(at_far("{key: rack}"), 425, 475);  // 9 of 10
  within(at_far("{key: rack, weight: 1}"), 200, 300);
  within(at_far("{key: rack, weight: 3}"), 340, 410);
  within(at_far("{key: version}"), 0, 475);  // web has none: all are of the rest
  within(at_far("{key: row}, {key: rack}"), 425, 475);
  within(at_far("{key: rack}, {key: row}"), 485, 500);  // 90 to 1
  within(at_far("{key: version}"), 200, 300);
}

std::string probed() {
  return towards("MeshHealthCheck", "far",
                 "{interval: 1s, timeout: 1s, unhealthyThreshold: 1, healthyThreshold: 1, http: {path: /}}");
}

struct Failed {
  Places places{};
  int refused = 0;
};

io::Task<void> ask_when_probed(HttpLab* lab, int requests, Failed* out) {
  (void)co_await lab->ring().sleep_for(10s);
  Client client(*lab, Way::outbound);
  for (int i = 0; i < requests; ++i) {
    std::vector<std::size_t> before;
    for (std::size_t f = 0; f < 4; ++f) before.push_back(lab->far(f).heads.size());
    const auto answer = co_await client.ask("/asked");
    out->refused += answer.status == 503;
    for (std::size_t f = 0; f < 4; ++f) {
      if (lab->far(f).heads.size() > before[f] && lab->far(f).heads.back().contains("/asked"))
        out->places.push_back(f);
    }
  }
}

// Where requests go once it is known that the endpoints in `down` are.
Failed over(const std::string& cross_zone, std::set<std::size_t> down, int requests = 20) {
  HttpLab lab(probed() + towards("MeshLoadBalancingStrategy", "far",
                                 "{loadBalancer: {type: Random}, localityAwareness: {crossZone: {" +
                                     cross_zone + "}}}"),
              {.far_endpoints = 4, .down = std::move(down)});
  Failed out;
  lab.play(ask_when_probed(&lab, requests, &out));
  return out;
}

TEST(CrossZone, FailoverToIsWhichZonesStandIn) {
  struct Case {
    const char* rules;
    bool west;  // does the zone west stand in?
  };
  for (const Case& one : {
           Case{"{to: {type: Any}}", true},
           Case{"{to: {type: None}}", false},
           Case{"{to: {type: Only, zones: [west]}}", true},
           Case{"{to: {type: Only, zones: [north]}}", false},
           Case{"{to: {type: AnyExcept, zones: [west]}}", false},
           Case{"{to: {type: AnyExcept, zones: [north]}}", true},
           Case{"{to: {type: Only, zones: [north]}}, {to: {type: Any}}", true},
           Case{"{to: {type: None}}, {to: {type: Any}}", false},
           Case{"{from: {zones: [east]}, to: {type: Any}}", true},
           Case{"{from: {zones: [north]}, to: {type: Any}}", false},
           Case{"{from: {zones: [north]}, to: {type: None}}, {to: {type: Any}}", true},
       }) {
    const Failed failed = over("failover: [" + std::string(one.rules) + "]", {0, 1});
    EXPECT_EQ(failed.places.size(), one.west ? 20U : 0U) << one.rules;
    EXPECT_EQ(failed.refused, one.west ? 0 : 20) << one.rules;
    EXPECT_EQ(count(failed.places, 2) > 0 && count(failed.places, 3) > 0, one.west) << one.rules;
  }
}

TEST(CrossZone, ThresholdIsHowMuchOfTheZoneMustBeThere) {
  const auto west = [](const std::string& threshold) {
    const Failed failed = over("failover: [{to: {type: Any}}]" + threshold, {0}, 200);
    EXPECT_EQ(failed.places.size(), 200U);
    return count(failed.places, 2) + count(failed.places, 3);
  };
  EXPECT_EQ(west(""), 0U) << "half of the zone is enough";
  EXPECT_EQ(west(", failoverThreshold: {percentage: 50}"), 0U);
  const std::size_t shared = west(", failoverThreshold: {percentage: 100}");
  EXPECT_GT(shared, 60U) << "half of the zone bears half of the requests";
  EXPECT_LT(shared, 140U);
}

}  // namespace
}  // namespace sluice::lab
