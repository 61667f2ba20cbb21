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
    known_keys(node, path, {"name", "mesh", "from", "to", "method", "path", "headers", "expect"});
    Expectation out;
    out.mark = node.mark;
    out.flow.from = text(node, "from", path, true);
    const auto to = text(node, "to", path, true);
    std::tie(out.flow.to, out.flow.port) = split_destination(to);
    if (const auto mesh = text(node, "mesh", path, false); !mesh.empty()) out.flow.mesh = mesh;
    out.name = text(node, "name", path, false);
    out.flow.request = request(node, path);
    if (out.name.empty()) {
      out.name = out.flow.from + " -> " + to;
      if (out.flow.request) out.name += " " + out.flow.request->method + " " + out.flow.request->target;
    }
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

  std::optional<policy::ImaginedRequest> request(const Node& node, const std::string& path) {
    policy::ImaginedRequest out;
    const auto method = text(node, "method", path, false);
    const auto target = text(node, "path", path, false);
    const auto headers = mapping(node, "headers", path);
    for (const auto& entry : headers.fields) {
      const auto at = path + ".headers." + entry.key;
      if (!entry.value.is_scalar()) wrong(entry.mark, at, "must be a text");
      const auto field = header_field(entry.key + ":" + entry.value.scalar);
      if (field)
        out.headers.push_back(*field);
      else
        wrong(entry.mark, at, "must have a name");
    }
    if (method.empty() && target.empty() && headers.is_null()) return std::nullopt;
    if (!method.empty()) out.method = method;
    if (!target.empty()) out.target = target;
    return out;
  }

  void expected(const Node& node, const std::string& path, Expectation& out) {
    known_keys(node, path,
               {"verdict", "reason", "policy", "endpoints", "route", "backends", "redirect", "timeout",
                "client", "server"});
    if (const auto* given = node.find("verdict")) out.verdict = verdict(*given, path + ".verdict");
    out.reason = text(node, "reason", path, false);
    out.policy = text(node, "policy", path, false);
    out.route = text(node, "route", path, false);
    out.redirect = text(node, "redirect", path, false);
    out.endpoints = texts(node, "endpoints", path);
    out.backends = texts(node, "backends", path);
    out.timeout = mapping(node, "timeout", path);
    out.client = mapping(node, "client", path);
    out.server = mapping(node, "server", path);
    const bool of_request = !out.route.empty() || !out.redirect.empty() || !out.backends.empty();
    if (of_request && !out.flow.request)
      wrong(node.mark, path, "route, backends and redirect need a method, path or headers of the test");
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
  std::vector<std::pair<const char*, Nanos>> enforced{{"connectionTimeout", answer.connect_timeout},
                                                      {"idleTimeout", answer.idle_timeout}};
  if (answer.request) enforced.emplace_back("requestTimeout", answer.request->request_timeout);
  for (const auto& [key, value] : enforced) {
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

// In any order.
void compare_names(std::string_view what, std::vector<std::string> wanted, std::vector<std::string> got,
                   std::vector<std::string>& out) {
  if (wanted.empty()) return;
  std::ranges::sort(got);
  std::ranges::sort(wanted);
  if (got != wanted)
    out.push_back(fmt::format("{} are {}, expected {}", what, Json(got).dump(), Json(wanted).dump()));
}

void compare_request(const Expectation& wanted, const FlowAnswer& answer, std::vector<std::string>& out) {
  if (wanted.route.empty() && wanted.redirect.empty() && wanted.backends.empty()) return;
  if (!answer.request) {
    out.push_back("bytes are relayed, no route is asked");
    return;
  }
  const auto& got = *answer.request;
  const auto route = got.route.policy.empty() ? std::string("built-in") : got.route.policy;
  if (!wanted.route.empty() && wanted.route != route)
    out.push_back(fmt::format("route is {}, expected {}", route, wanted.route));
  if (!wanted.redirect.empty() && wanted.redirect != std::to_string(got.redirect))
    out.push_back(fmt::format("redirect is {}, expected {}", got.redirect, wanted.redirect));
  compare_names("backends", wanted.backends, answer.backends, out);
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
  std::vector<std::string> servers;
  for (const auto& endpoint : answer.endpoints) servers.push_back(endpoint.server);
  compare_names("endpoints", expectation.endpoints, std::move(servers), out);
  compare_request(expectation, answer, out);
  compare_timeouts(expectation.timeout, answer, out);
  compare_kinds(false, expectation.client, answer, out);
  compare_kinds(true, expectation.server, answer, out);
  return out;
}

}  // namespace sluice::ctl
