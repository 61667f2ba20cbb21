#include "ctl/policy/expectations.h"

#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>

#include "ctl/json_view.h"
#include "policy/document/yaml.h"
#include "policy/kinds/duration.h"

namespace sluice::ctl {
namespace {

using policy::Node;

class Reader {
 public:
  Reader(const std::string& file, policy::Diagnostics& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  Expectations read(const Node& root) {
    known_keys(root, "", {"documents", "mesh", "tests"});
    Expectations out;
    out.documents = texts(root, "documents", "");
    const auto mesh = text(root, "mesh", "", false);
    const auto* tests = root.find("tests");
    if (tests == nullptr || !tests->is_sequence() || tests->items.empty()) {
      wrong(root.mark, "tests", "must be a list of at least one test");
      return out;
    }
    for (std::size_t i = 0; i < tests->items.size(); ++i) {
      out.tests.push_back(test(tests->items[i], fmt::format("tests[{}]", i)));
      if (!mesh.empty() && tests->items[i].find("mesh") == nullptr) out.tests.back().flow.mesh = mesh;
    }
    return out;
  }

  void wrong(policy::Mark mark, const std::string& path, const std::string& message) {
    diagnostics_.add({policy::Severity::error, policy::Stage::schema, file_, mark, path, message, ""});
  }

 private:
  Expectation test(const Node& node, const std::string& path) {
    known_keys(node, path, {"name", "mesh", "from", "to", "expect"});
    Expectation out;
    out.mark = node.mark;
    out.flow.from = text(node, "from", path, true);
    const auto to = text(node, "to", path, true);
    std::tie(out.flow.to, out.flow.port) = split_destination(to);
    if (const auto mesh = text(node, "mesh", path, false); !mesh.empty()) out.flow.mesh = mesh;
    out.name = text(node, "name", path, false);
    if (out.name.empty()) out.name = out.flow.from + " -> " + to;
    const auto* expect = node.find("expect");
    if (expect == nullptr) {
      wrong(node.mark, path + ".expect", "must be defined");
    } else if (expect->is_scalar()) {
      out.verdict = verdict(*expect, path + ".expect");
    } else {
      expected(*expect, path + ".expect", out);
    }
    return out;
  }

  void expected(const Node& node, const std::string& path, Expectation& out) {
    known_keys(node, path, {"verdict", "reason", "policy", "endpoints", "timeout", "client", "server"});
    if (const auto* given = node.find("verdict")) out.verdict = verdict(*given, path + ".verdict");
    out.reason = text(node, "reason", path, false);
    out.policy = text(node, "policy", path, false);
    out.endpoints = texts(node, "endpoints", path);
    out.timeout = mapping(node, "timeout", path);
    out.client = mapping(node, "client", path);
    out.server = mapping(node, "server", path);
    if (node.is_mapping() && node.fields.empty()) wrong(node.mark, path, "expects nothing");
  }

  std::string verdict(const Node& node, const std::string& path) {
    const bool known = node.scalar == "allow" || node.scalar == "deny" || node.scalar == "mixed";
    if (!known) wrong(node.mark, path, "must be allow, deny or mixed");
    return node.scalar;
  }

  Node mapping(const Node& node, std::string_view key, const std::string& path) {
    const auto* value = node.find(key);
    if (value == nullptr) return {};
    if (!value->is_mapping()) wrong(value->mark, path + "." + std::string(key), "must be a mapping");
    return *value;
  }

  std::string text(const Node& node, std::string_view key, const std::string& path, bool required) {
    const auto full = path.empty() ? std::string(key) : path + "." + std::string(key);
    const auto* value = node.find(key);
    if (value != nullptr && value->is_scalar()) return value->scalar;
    if (value != nullptr) wrong(value->mark, full, "must be a text");
    if (value == nullptr && required) wrong(node.mark, full, "must be defined");
    return {};
  }

  std::vector<std::string> texts(const Node& node, std::string_view key, const std::string& path) {
    std::vector<std::string> out;
    const auto* list = node.find(key);
    if (list == nullptr) return out;
    const auto full = path.empty() ? std::string(key) : path + "." + std::string(key);
    if (!list->is_sequence()) wrong(list->mark, full, "must be a list");
    for (const auto& item : list->items) {
      if (!item.is_scalar()) wrong(item.mark, full, "must be a list of texts");
      out.push_back(item.scalar);
    }
    return out;
  }

  void known_keys(const Node& node, const std::string& path, std::initializer_list<std::string_view> keys) {
    if (!node.is_mapping()) return wrong(node.mark, path, "must be a mapping");
    for (const auto& entry : node.fields)
      if (std::ranges::find(keys, entry.key) == keys.end())
        wrong(entry.mark, path.empty() ? entry.key : path + "." + entry.key, "no such key");
  }

  const std::string& file_;
  policy::Diagnostics& diagnostics_;
};

bool same_scalar(const Node& wanted, const Node& got) {
  if (wanted.scalar == got.scalar) return true;
  const auto a = policy::parse_duration(wanted.scalar);
  const auto b = policy::parse_duration(got.scalar);
  return a && b && *a == *b;
}

// Everything that `wanted` says must stand in `got`; lists must be equal.
void compare(const std::string& path, const Node& wanted, const Node* got, std::vector<std::string>& out) {
  if (got == nullptr) {
    out.push_back(fmt::format("{} is not set, expected {}", path, wanted.to_json()));
  } else if (wanted.is_mapping() && got->is_mapping()) {
    for (const auto& entry : wanted.fields)
      compare(path + "." + entry.key, entry.value, got->find(entry.key), out);
  } else if (!(wanted.is_scalar() && got->is_scalar() ? same_scalar(wanted, *got)
                                                      : wanted.same_value(*got))) {
    out.push_back(fmt::format("{} is {}, expected {}", path, got->to_json(), wanted.to_json()));
  }
}

// Several entries of one kind may apply (access logs, faults): one of them must fit.
void compare_kinds(bool inbound, const Node& wanted, const FlowAnswer& answer,
                   std::vector<std::string>& out) {
  for (const auto& entry : wanted.fields) {
    std::vector<std::string> nearest;
    bool found = false;
    for (const auto& setting : answer.settings) {
      if (setting.inbound != inbound || setting.kind != entry.key) continue;
      std::vector<std::string> differences;
      compare(entry.key, entry.value, &setting.conf, differences);
      if (!found || differences.size() < nearest.size()) nearest = differences;
      found = true;
    }
    if (!found)
      nearest.push_back(fmt::format("no {} applies at the {}", entry.key, inbound ? "server" : "client"));
    out.insert(out.end(), nearest.begin(), nearest.end());
  }
}

std::string seconds(Nanos value) {
  return fmt::format("{}ms", std::chrono::duration_cast<std::chrono::milliseconds>(value).count());
}

// Connection timeouts are what the table enforces, defaults included.
void compare_timeouts(const Node& wanted, const FlowAnswer& answer, std::vector<std::string>& out) {
  auto rest = wanted;
  for (const auto& [key, value] : {std::pair{"connectionTimeout", answer.connect_timeout},
                                   std::pair{"idleTimeout", answer.idle_timeout}}) {
    const auto* given = wanted.find(key);
    if (given == nullptr) continue;
    rest.erase(key);
    const auto expected = policy::parse_duration(given->scalar);
    if (!expected || *expected != value)
      out.push_back(fmt::format("{} is {}, expected {}", key, seconds(value), given->scalar));
  }
  if (rest.fields.empty()) return;
  auto by_kind = Node::empty_mapping();
  by_kind.set("MeshTimeout", rest);
  compare_kinds(false, by_kind, answer, out);
}

}  // namespace

Expectations read_expectations(const std::string& text, const std::string& file,
                               policy::Diagnostics& diagnostics) {
  const auto roots = policy::parse_yaml(text, file, diagnostics);
  if (diagnostics.has_errors()) return {};
  Reader reader(file, diagnostics);
  if (roots.size() != 1) {
    reader.wrong({1, 1}, "", "must be one document");
    return {};
  }
  return reader.read(roots.front());
}

std::vector<std::string> failures_of(const Expectation& expectation, const FlowAnswer& answer) {
  std::vector<std::string> out;
  const auto say = [&](std::string_view what, const std::string& wanted, std::string_view got) {
    if (!wanted.empty() && wanted != got)
      out.push_back(fmt::format("{} is {}, expected {}", what, got.empty() ? "none" : got, wanted));
  };
  say("verdict", expectation.verdict, answer.verdict());
  say("reason", expectation.reason, reason_info(answer.reason()).word);
  say("policy", expectation.policy, answer.rule().policy);
  if (!expectation.endpoints.empty()) {
    std::vector<std::string> got;
    for (const auto& endpoint : answer.endpoints) got.push_back(endpoint.server);
    auto wanted = expectation.endpoints;
    std::ranges::sort(got);
    std::ranges::sort(wanted);
    if (got != wanted)
      out.push_back(fmt::format("endpoints are {}, expected {}", Json(got).dump(), Json(wanted).dump()));
  }
  compare_timeouts(expectation.timeout, answer, out);
  compare_kinds(false, expectation.client, answer, out);
  compare_kinds(true, expectation.server, answer, out);
  return out;
}

}  // namespace sluice::ctl
