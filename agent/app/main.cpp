// sluiced: the keeper, or as its child `sluiced agent` the agent.
#include <string>
#include <vector>

#include "app/agent_main.h"
#include "keeper/keeper.h"

int main(int argc, char** argv) {
  if (const auto answer = sluice::keeper::answer_take_over(argc, argv)) return *answer;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  int exit_code = 0;
  if (sluice::agent::answer_without_daemon(arguments, exit_code)) return exit_code;
  if (!arguments.empty() && arguments.front() == "agent") {
    sluice::keeper::die_with_keeper();
    return sluice::agent::agent_main(std::span(arguments).subspan(1));
  }
  return sluice::keeper::keeper_main(sluice::keeper::keeper_options(argc, argv));
}
