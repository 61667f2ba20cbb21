// sluice: the node's command line. Talks to sluiced over its control socket.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "ctl/command.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `sluice ... | head` ends by the failed write, not by a signal
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  sluice::ctl::Terminal console{std::cout, std::cerr, std::cin,
                                terminal && std::getenv("NO_COLOR") == nullptr,
                                terminal && ::isatty(STDIN_FILENO) != 0};
  const char* socket = std::getenv("SLUICE_SOCKET");
  const int code = sluice::ctl::run_command(
      {argv + 1, argv + argc}, socket == nullptr ? sluice::ctl::kDefaultSocket : socket, console);
  std::cout.flush();
  return std::cout.good() ? code : sluice::ctl::kExitFailed;
}
