#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdlib>
#include <sstream>

#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

// "name{a="b"} 1" of the Prometheus text format as {name, labels, value}; labels stay text.
Json sample(const std::string& line) {
  const auto value_at = line.rfind(' ');
  if (value_at == std::string::npos) return nullptr;
  const auto name = line.substr(0, value_at);
  const auto brace = name.find('{');
  const auto labels = brace == std::string::npos || !name.ends_with('}')
                          ? std::string()
                          : name.substr(brace + 1, name.size() - brace - 2);
  return {{"name", name.substr(0, brace)},
          {"labels", labels},
          {"value", std::strtod(line.c_str() + value_at + 1, nullptr)}};
}

Json samples(const std::string& exposition) {
  Json out = Json::array();
  std::istringstream lines(exposition);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (auto one = sample(line); !one.is_null()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

void add_metrics(Verbs& verbs) {
  verbs.add("metrics", "Prints the metrics in the Prometheus text format.", "sluice metrics | grep denied",
            [](const Session& session) {
              const auto answer = session.client().send({.path = {"metrics"}});
              if (!answer) return session.fail(answer.error());
              if (!answer->ok()) return session.fail(answer->fault());
              session.show(Json{{"metrics", samples(answer->text)}}, [&] { return answer->text; });
              return kExitOk;
            });
}

}  // namespace sluice::ctl
