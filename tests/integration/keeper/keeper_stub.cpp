// Stands in for all three programs. Without "agent" and without "--workers" it is sluiced: the real keeper.
// As agent or proxy it hands its descriptors 3 and 4 to the test (abstract socket named by
// KEEPER_TEST_SOCKET) and then does nothing until the test tells it to end with a code. SIGTERM ends it with
// 0.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/message.h"
#include "keeper/keeper.h"

namespace {

int connect_to_test() {
  const char* name = std::getenv("KEEPER_TEST_SOCKET");
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name));
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? fd : -1;
}

int be_child(int argc, char** argv, bool agent) {
  std::signal(SIGTERM, [](int) { ::_exit(0); });
  const int test = connect_to_test();
  if (test < 0) return 70;
  std::string words = agent ? "agent" : "proxy";
  for (int i = 1; i < argc; ++i) words += std::string(" ") + argv[i];
  const int fds[] = {3, 4};
  if (!sluice::message::send(test, {}, std::as_bytes(std::span(words)), fds)) return 70;
  ::close(3);
  char code = 0;
  return ::read(test, &code, 1) == 1 ? code : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto answer = sluice::keeper::answer_take_over(argc, argv)) return *answer;
  if (argc > 1 && std::string(argv[1]) == "agent") sluice::keeper::die_with_keeper();
  if (argc > 1 && std::string(argv[1]) == "agent") return be_child(argc, argv, true);
  if (argc > 1 && std::string(argv[1]) == "--workers") return be_child(argc, argv, false);
  return sluice::keeper::keeper_main(sluice::keeper::keeper_options(argc, argv));
}
