// `sluice diff -f` against a control socket that answers with a given list of resources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <thread>

#include "ctl/command.h"
#include "ctl/json_view.h"
#include "policy_mesh.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

// Answers one request.
class OneAnswer {
 public:
  OneAnswer(const std::string& path, const std::string& body)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this, body] { serve(body); });
  }
  ~OneAnswer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

 private:
  void serve(const std::string& body) const {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const auto got = ::read(connection, buffer, sizeof buffer);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    const auto answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    EXPECT_EQ(::write(connection, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    ::close(connection);
  }

  int listener_;
  std::thread thread_;
};

// The documents of kMesh as the daemon lists them.
std::string listed() {
  Json resources = Json::array();
  std::string mesh = kMesh;
  std::size_t line = 1;
  for (std::size_t at = 0; at < mesh.size();) {
    const auto end = std::min(mesh.find("---\n", at), mesh.size());
    const auto yaml = mesh.substr(at, end - at);
    resources.push_back(
        {{"origin", "mesh.yaml:" + std::to_string(line)}, {"in_force", true}, {"yaml", yaml}});
    line += static_cast<std::size_t>(std::ranges::count(yaml, '\n')) + 1;
    at = end + 4;
  }
  resources.push_back({{"origin", "new.yaml:1"}, {"in_force", false}, {"yaml", "type: Nonsense\n"}});
  return Json{{"resources", resources}}.dump();
}

struct NodeDiff : ::testing::Test, PolicyRun {
  int diff(const std::string& document) {
    const auto given = file("given.yaml", document);
    const auto socket = path("control.sock");
    const OneAnswer daemon(socket, listed());
    std::ostringstream written;
    std::ostringstream told;
    std::istringstream in;
    Terminal terminal{written, told, in};
    const int code = run_command({"diff", "-f", given, "-o", "json"}, socket, terminal);
    ::unlink(socket.c_str());
    out = written.str();
    err = told.str();
    return code;
  }
};

TEST(Socket, ItsPathSteersNoTerminal) {
  std::ostringstream written;
  std::ostringstream told;
  std::istringstream in;
  Terminal terminal{written, told, in};
  EXPECT_EQ(run_command({"status"}, "/run/\x1b[31m", terminal), kExitFailed);
  EXPECT_THAT(told.str(), HasSubstr("holds a control character (U+001B, byte 6)"));
  EXPECT_THAT(told.str(), HasSubstr("--socket"));
  EXPECT_EQ(told.str().find('\x1b'), std::string::npos);
}

TEST_F(NodeDiff, TellsWhatADocumentWouldChange) {
  const std::string timeout =
      "type: MeshTimeout\nname: fast\nmesh: default\nspec:\n  targetRef: {kind: Mesh}\n  to:\n"
      "    - targetRef: {kind: MeshService, name: backend}\n      default: {connectionTimeout: 2s}\n";
  EXPECT_EQ(diff(timeout), 1) << err;
  const auto changes = Json::parse(out, nullptr, false);
  ASSERT_EQ(changes.size(), 3U) << out;  // the inbounds' part goes, at each of the three proxies
  EXPECT_EQ(text(changes[0], "kind"), "MeshTimeout");
  EXPECT_EQ(text(changes[0], "before"), "3s");
  EXPECT_TRUE(changes[0]["after"].is_null());
  EXPECT_THAT(text(changes[0], "where"), HasSubstr("MeshTimeout/fast mesh.yaml:57"));
  EXPECT_EQ(
      diff(timeout + "  from:\n    - targetRef: {kind: Mesh}\n      default: {connectionTimeout: 3s}\n"), 0)
      << out << err;
}

TEST_F(NodeDiff, RefusesWhatApplyRefuses) {
  EXPECT_EQ(diff("type: MeshTimeout\nname: fast\nmesh: default\nspec: {to: 7}\n"), 2);
  EXPECT_THAT(err, HasSubstr("`apply` would refuse"));
  EXPECT_EQ(run({"diff"}), 2);
}

}  // namespace
}  // namespace sluice::ctl
