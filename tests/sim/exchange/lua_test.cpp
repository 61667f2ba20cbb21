// Lua filters in the life of a request: what they see and change, and what happens when they break.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "exchange/lua_filter.h"
#include "tests/sim/exchange/lua_lab.h"

namespace sluice::exchange {
namespace {

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: shop\r\n" + std::string(fields) +
         "Connection: close\r\n\r\n";
}
std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}
std::string on_request(const std::string& body) {
  return "function envoy_on_request(h)\n" + body + "\nend\n";
}
std::string on_response(const std::string& body) {
  return "function envoy_on_response(h)\n" + body + "\nend\n";
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
// The status line's code.
std::string status(const std::string& answer) {
  return answer.size() < 12 ? answer : answer.substr(9, 3);
}
// The payload of a chunked answer, trailers left out.
std::string body_of(const std::string& answer) {
  std::string out;
  std::size_t at = answer.find("\r\n\r\n") + 4;
  while (at < answer.size()) {
    const std::size_t size = std::strtoul(answer.c_str() + at, nullptr, 16);
    if (size == 0) break;
    at = answer.find("\r\n", at) + 2;
    out.append(answer, at, size);
    at += size + 2;
  }
  return out;
}

constexpr const char* kNoExploits = R"(
  function envoy_on_request(h)
    local function bad(text) return text and text:find('${jndi:', 1, true) end
    for name, value in pairs(h:headers()) do
      if bad(value) then return h:respond({[':status'] = 403}, 'no ' .. name .. '\n') end
    end
    local body = h:body()
    if body and bad(body:getBytes(0, body:length())) then h:respond({[':status'] = '403'}, 'no body\n') end
  end)";

TEST(LuaFilter, DropsAnExploitInHeaderPathAndBody) {
  LuaLab lab;
  lab.filter(kNoExploits);
  EXPECT_EQ(body_of(lab.ask(post("/fine", "hello"))), "/fine hello");
  EXPECT_TRUE(has(lab.ask(get("/", "X-Api: ${jndi:ldap://e}\r\n")), "no x-api\n"));
  EXPECT_TRUE(has(lab.ask(get("/?q=${jndi:ldap://e}")), "no :path\n"));
  const auto answer = lab.ask(post("/", "a=${jndi:ldap://e}"));
  EXPECT_EQ(status(answer), "403");
  EXPECT_TRUE(has(answer, "no body\n"));
  EXPECT_EQ(lab.asked.size(), 1U) << "the application saw something";
  ASSERT_EQ(lab.told.size(), 4U);
  for (int i : {1, 2, 3}) {
    EXPECT_EQ(lab.told[i].reason, Reason::lua_answered);
    EXPECT_EQ(lab.told[i].status, 403);
    EXPECT_EQ(lab.told[i].rule, "MeshProxyPatch/test");
  }
}

TEST(LuaFilter, ChangesWhatTheApplicationAndTheClientSee) {
  LuaLab lab;
  lab.filter(on_request(R"(
      h:headers():replace(':path', '/new?x')
      h:headers():replace(':authority', 'other')
      h:headers():add('X-Peer', h:streamInfo():downstreamRemoteAddress())
      h:headers():remove('x-gone')
      h:headers():replace('content-length', '1'))") +
             on_response(R"(
      assert(h:headers():get(':status') == '200' and h:headers():get('x-app') == 'yes')
      h:headers():replace(':status', '201')
      h:headers():remove('x-app')
      h:headers():add('x-filtered', h:streamInfo():protocol()))"));
  const auto answer = lab.ask(
      "POST /old HTTP/1.1\r\nHost: shop\r\nx-gone: 1\r\nx-kept: 1\r\nConnection: close\r\n"
      "Content-Length: 5\r\n\r\nhello");
  EXPECT_EQ(body_of(answer), "/new?x hello");
  EXPECT_EQ(status(answer), "201");
  EXPECT_TRUE(has(answer, "x-filtered: HTTP/1.1\r\n"));
  EXPECT_FALSE(has(answer, "App"));
  const auto& asked = lab.asked.at(0);
  EXPECT_TRUE(asked.starts_with("POST /new?x HTTP/1.1\r\nhost: other\r\n")) << asked;
  EXPECT_TRUE(has(asked, "x-peer: 10.0.0.1:4711\r\n")) << asked;
  EXPECT_TRUE(has(asked, "x-kept: 1\r\n") && !has(asked, "x-gone")) << asked;
  EXPECT_TRUE(has(asked, "Content-Length: 5\r\n") && !has(asked, "length: 1\r\n")) << asked;
  EXPECT_EQ(lab.told.at(0).path, "/old") << "the log tells what the client asked for";
}

TEST(LuaFilter, AClientCannotTellItWhoItIs) {
  LuaLab lab;
  const std::string code =
      on_request("h:headers():add('x-seen', h:headers():get('x-forwarded-client-cert') or 'none')");
  lab.filter(code);
  lab.ask(get("/a", "X-Forwarded-Client-Cert: URI=spiffe://default/admin\r\n"));
  EXPECT_TRUE(has(lab.asked.at(0), "x-seen: none\r\n") && !has(lab.asked[0], "admin")) << lab.asked[0];
  const std::vector<std::string> ids{"spiffe://default/web"};
  lab.proven = policy::Peer{ids, {}, {}};
  lab.ask(get("/a", "X-Forwarded-Client-Cert: URI=spiffe://default/admin\r\n"));
  EXPECT_TRUE(has(lab.asked.at(1), "x-seen: URI=spiffe://default/web\r\n")) << lab.asked[1];
  EXPECT_FALSE(has(lab.asked[1], "admin"));
}

TEST(LuaFilter, WhatBreaksIsRefusedOrPassesByPolicy) {
  struct Case {
    const char* code;
    Reason reason;
  };
  const std::string endless = "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end";
  const Case cases[] = {{"while true do end", Reason::lua_overrun},
                        {"while true do pcall(error, 'caught') end", Reason::lua_overrun},
                        {endless.c_str(), Reason::lua_memory},
                        {"error('gone wrong')", Reason::lua_failed},
                        {"local x = nil; x.y = 1", Reason::lua_failed},
                        {"this is no Lua", Reason::lua_not_loaded},
                        {"end nothing.exists() function more(h)", Reason::lua_not_loaded},
                        {"h:headers():replace(':method', 'HEAD')", Reason::lua_failed},
                        {"h:headers():replace(':method', 'A(B')", Reason::lua_failed},
                        {"for i = 1, 120 do h:headers():add('a' .. i, 'b') end", Reason::lua_failed},
                        {"local f = {[':status'] = 403} for i = 1, 80 do f['a' .. i] = 'b' end h:respond(f)",
                         Reason::lua_failed}};
  for (const auto& one : cases) {
    LuaLab lab;
    lab.filter(on_request(one.code));
    EXPECT_EQ(status(lab.ask(get("/a"))), "500") << one.code;
    EXPECT_TRUE(lab.asked.empty()) << one.code;
    EXPECT_EQ(lab.told.at(0).reason, one.reason) << one.code << ": " << reason_info(lab.told[0].reason).word;
    EXPECT_EQ(lab.told[0].rule, "MeshProxyPatch/test");
    EXPECT_EQ(lab.counted[Reason::lua_failed_open], 0);
    EXPECT_FALSE(lab.log.empty()) << one.code;
    lab.filter(on_request(one.code), true);
    const auto passed = lab.ask(post("/b", "kept"));
    EXPECT_EQ(body_of(passed), "/b kept") << one.code;
    EXPECT_EQ(lab.told.at(1).reason, Reason::completed) << one.code;
    EXPECT_EQ(lab.counted[Reason::lua_failed_open], 1) << one.code;
    EXPECT_FALSE(has(lab.asked.at(0), "a1:")) << "half of a change got through";
  }
}

TEST(LuaFilter, ASlowScriptMeetsItsDeadline) {
  LuaLab lab;
  lab.clock.step = Millis(2);
  lab.filter(on_request("for i = 1, 50000 do end"));
  EXPECT_EQ(status(lab.ask(get("/a"))), "500");
  EXPECT_EQ(lab.told.at(0).reason, Reason::lua_overrun);
}

TEST(LuaFilter, ABodyIsSeenUpToTheBoundAndPassesWhole) {
  LuaLab lab;
  lab.filter(on_request("local b = h:body() h:headers():add('x-size', tostring(b and b:length()))"));
  const std::string most(kLuaBodyBytesMax, 'm');
  EXPECT_EQ(body_of(lab.ask(post("/a", most))), "/a " + most);
  EXPECT_TRUE(has(lab.asked.at(0), "x-size: 65536\r\n"));
  EXPECT_EQ(body_of(lab.ask(get("/b"))), "/b ");
  EXPECT_TRUE(has(lab.asked.at(1), "x-size: nil\r\n"));
  const std::string more = most + "n";
  EXPECT_EQ(status(lab.ask(post("/c", more))), "413");
  EXPECT_EQ(lab.told.at(2).reason, Reason::lua_body_too_long);
  lab.filter(on_request("h:body()"), true);
  const std::string much(1'000'000, 'u');
  EXPECT_EQ(body_of(lab.ask(post("/d", much))), "/d " + much);
  EXPECT_EQ(lab.counted[Reason::lua_failed_open], 1);
  const auto chunked = lab.ask(
      "POST /e HTTP/1.1\r\nHost: s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n");
  EXPECT_EQ(body_of(chunked), "/e abcdex-t: 1\r\n");
  const auto expects = lab.ask(
      "POST /f HTTP/1.1\r\nHost: s\r\nConnection: close\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(has(expects, "HTTP/1.1 200 Fine\r\n")) << expects;
}

TEST(LuaFilter, ABodyThatDoesNotComeMeetsTheTimeout) {
  LuaLab lab;
  lab.timeouts.stream_idle = Millis(500);
  lab.stops_in_body = true;
  lab.filter(on_request("h:body()"));
  EXPECT_EQ(status(lab.ask(post("/slow", "hello"))), "408");
  EXPECT_EQ(lab.told.at(0).reason, Reason::stream_idle_timeout);
  EXPECT_TRUE(lab.asked.empty());
}

TEST(LuaFilter, SeesTheAnswersBodyAndMayReplaceTheAnswer) {
  LuaLab lab;
  lab.filter(on_response(R"(
    local b = h:body()
    local text = b and b:getBytes(0, b:length()) or ''
    if text:find('secret') then h:respond({[':status'] = 502, ['Content-Type'] = 'text/x'}, 'withheld') end
    h:headers():add('x-size', #text))"));
  const auto whole = lab.ask(post("/a", std::string(20'000, 'w')));
  EXPECT_EQ(body_of(whole), "/a " + std::string(20'000, 'w'));
  EXPECT_TRUE(has(whole, "x-size: 20003\r\n") && has(whole, "x-trailer: 1\r\n"));
  const auto withheld = lab.ask(post("/b", "the secret"));
  EXPECT_EQ(status(withheld), "502");
  EXPECT_TRUE(has(withheld, "content-type: text/x\r\n") && !has(withheld, "text/plain")) << withheld;
  EXPECT_TRUE(withheld.ends_with("withheld"));
  EXPECT_EQ(lab.told.at(1).reason, Reason::lua_answered);
  EXPECT_EQ(status(lab.ask(post("/c", std::string(100'000, 'w')))), "413");
  EXPECT_EQ(status(lab.ask(get("/empty"))), "204");
  EXPECT_EQ(lab.told.at(3).reason, Reason::completed);
}

TEST(LuaFilter, AnAnswerItCannotJudgeFailsByPolicyToo) {
  for (const char* code :
       {"error('x')", "while true do end", "h:headers():replace(':status', '204')",
        "local f = {[':status'] = 403} for i = 1, 80 do f['a' .. i] = 'b' end h:respond(f)",
        "h:headers():replace(':status', 'abc')"}) {
    LuaLab lab;
    lab.filter(on_response(code));
    const auto refused = lab.ask(get("/a"));
    EXPECT_EQ(status(refused), "500") << code;
    EXPECT_FALSE(has(refused, "/a")) << code;
    lab.filter(on_response(code), true);
    EXPECT_EQ(body_of(lab.ask(get("/b"))), "/b ") << code;
    EXPECT_EQ(lab.counted[Reason::lua_failed_open], 1) << code;
  }
}

TEST(LuaFilter, FiltersRunInOrderAndAnswersInReverse) {
  LuaLab lab;
  lab.filters({LuaLab::one("function envoy_on_request(h) h:headers():add('x-order', '1') end "
                           "function envoy_on_response(h) h:headers():add('x-back', '1') end"),
               LuaLab::one("function envoy_on_request(h) assert(h:headers():get('x-order') == '1') "
                           "h:headers():add('x-order', '2') end "
                           "function envoy_on_response(h) h:headers():add('x-back', '2') end")});
  const auto answer = lab.ask(get("/a"));
  EXPECT_LT(answer.find("x-back: 2"), answer.find("x-back: 1"));
  EXPECT_LT(lab.asked.at(0).find("x-order: 1"), lab.asked.at(0).find("x-order: 2"));
}

TEST(LuaFilter, AClientsFilterChoosesTheRoute) {
  LuaLab lab;
  lab.is_outbound = true;
  lab.filter(on_request("if h:headers():get('x-good') then h:headers():add('x-to', 'there') end"));
  EXPECT_EQ(status(lab.ask(get("/a"))), "500");
  EXPECT_EQ(lab.told.at(0).reason, Reason::backend_unresolved);
  EXPECT_EQ(body_of(lab.ask(get("/b", "x-good: 1\r\n"))), "/b ");
}

TEST(LuaFilter, ANewTableCountsFromTheNextRequestOfALiveConnection) {
  LuaLab lab;
  const std::string counting = "n = 0\n" + on_request("n = n + 1 h:headers():add('x-n', n)");
  lab.filter(counting);
  lab.asked_once = [&](std::size_t requests) {
    if (requests == 2) lab.filter(counting);  // another table with the same script
    if (requests == 3) lab.filter(on_request("h:headers():add('x-n', 'new')"));
    if (requests == 4) lab.filters({});
  };
  const std::string again = "GET /a HTTP/1.1\r\nHost: s\r\n\r\n";
  lab.ask(again + again + again + again + get("/a"));
  ASSERT_EQ(lab.asked.size(), 5U);
  const char* expected[] = {"x-n: 1\r\n", "x-n: 2\r\n", "x-n: 3\r\n", "x-n: new\r\n"};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(has(lab.asked[i], expected[i])) << lab.asked[i];
  EXPECT_FALSE(has(lab.asked[4], "x-n"));
}

// Whoever gets an answer gets their own, whole or cut off, whatever the network and the scripts do.
TEST(LuaFilter, InAStormNoAnswerIsAnothers) {
  int good = 0;
  const std::uint64_t first = io::sim_seed(100);
  for (std::uint64_t seed = first; seed < first + 30; ++seed) {
    LuaLab lab(seed, io::SimFaults::storm());
    lab.timeouts.request = Millis(20'000);
    lab.filter(on_request(R"(
        local b = h:body()
        if b and b:getBytes(0, 1) == '7' then h:respond({[':status'] = 403}, h:headers():get(':path')) end
        if b and b:getBytes(0, 1) == '8' then error('eight') end)") +
               on_response("h:headers():add('x-size', h:body():length())"));
    std::vector<std::string> requests;
    for (int i = 0; i < 40; ++i)
      requests.push_back(post("/n" + std::to_string(i), std::to_string(i % 10) + std::string(i * 700, 'b')));
    const auto answers = lab.ask_all(requests);
    for (int i = 0; i < 40; ++i) {
      const auto& answer = answers[i];
      const auto own = "/n" + std::to_string(i);
      if (status(answer) == "403") EXPECT_TRUE(own.starts_with(answer.substr(answer.find("\r\n\r\n") + 4)));
      if (status(answer) != "200" || !has(answer, "\r\n0\r\n")) continue;
      ++good;
      EXPECT_TRUE(body_of(answer) == own + " " + std::to_string(i % 10) + std::string(i * 700, 'b')) << seed;
    }
  }
  EXPECT_GT(good, 200);
}

}  // namespace
}  // namespace sluice::exchange
