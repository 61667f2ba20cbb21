#include "policy/kinds/mesh_backends.h"

#include <charconv>
#include <set>
#include <string>

#include "policy/kinds/log_format.h"
#include "policy/kinds/regex.h"
#include "policy/kinds/url.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema backend(Schema conf) {
  return object({{"name", loose_text()},
                 {"type", loose_text()},
                 {"format", loose_text()},
                 {"sampling", number()},
                 {"conf", std::move(conf)}});
}

}  // namespace

Schema mesh_logging_schema() {
  const auto conf = object({{"path", loose_text()}, {"address", loose_text()}});
  return object({{"defaultBackend", loose_text()}, {"backends", list(backend(conf))}});
}

Schema mesh_tracing_schema() {
  const auto conf = object({{"url", loose_text()},
                            {"traceId128bit", boolean()},
                            {"apiVersion", loose_text()},
                            {"sharedSpanContext", boolean()},
                            {"address", loose_text()},
                            {"port", integer()},
                            {"splitService", boolean()}});
  return object({{"defaultBackend", loose_text()}, {"backends", list(backend(conf))}});
}

Schema mesh_metrics_schema() {
  const auto aggregate = object({{"name", loose_text()},
                                 {"path", loose_text()},
                                 {"port", integer(0, 4294967295)},
                                 {"enabled", boolean()},
                                 {"address", loose_text()}});
  const auto conf =
      object({{"port", integer(0, 4294967295)},
              {"path", loose_text()},
              {"tags", loose_text_map()},
              {"skipMTLS", boolean()},
              {"aggregate", list(aggregate)},
              {"envoy", object({{"filterRegex", loose_text()}, {"usedOnly", boolean()}})},
              {"tls", object({{"mode", one_of({"activeMTLSBackend", "providedTLS", "disabled"})}})}});
  return object({{"enabledBackend", loose_text()}, {"backends", list(backend(conf))}});
}

namespace {

const Node& conf_of(const Node& backend) {
  static const Node kNone = Node::empty_mapping();
  const auto* conf = backend.find("conf");
  return conf == nullptr ? kNone : *conf;
}

// Both ways of saying how the endpoint is protected, saying different things. An omitted mode is the first.
bool contradicts(const Node& conf) {
  const auto* skip = conf.find("skipMTLS");
  const auto* tls = conf.find("tls");
  if (skip == nullptr || tls == nullptr) return false;
  const auto mode = tls->text_of("mode");
  const bool mutual = mode.empty() || mode == "activeMTLSBackend";
  return skip->as_boolean() == true ? mode != "disabled" : !mutual;
}

// What the three sections share: names are used once, and the chosen one exists.
class Section {
 public:
  Section(Validator& validator, const Node& section, std::string path)
      : validator_(validator), section_(section), path_(std::move(path)) {}

  void run(void (Section::*check)(const Node&, const std::string&), bool named, std::string_view chosen,
           const std::string& message) {
    validator_.each(section_, path_, "backends", [&](const Node& node, const std::string& at) {
      const std::string name(node.text_of("name"));
      if (named && name.empty()) validator_.error(node, at + ".name", "cannot be empty");
      if (!names_.insert(name).second) {
        validator_.error(node, at + ".name", "\"" + name + "\" name is already used for another backend");
      }
      (this->*check)(node, at);
    });
    const std::string choice(section_.text_of(chosen));
    if (!choice.empty() && !names_.contains(choice)) {
      validator_.error(*section_.find(chosen), join_path(path_, chosen), message);
    }
  }

  void logging(const Node& node, const std::string& at) {
    const auto* format = node.find("format");
    if (const auto problem = format == nullptr ? std::string() : log_format_problem(format->scalar);
        !problem.empty()) {
      validator_.error(*format, at + ".format", problem, "write for example %START_TIME% %REQ(:path)%");
    }
    const auto type = node.text_of("type");
    if (type == "file") return needed(node, at + ".config", "path");
    if (type != "tcp") return unknown_type(node, at, "\"tcp\", \"file\"");
    if (!needed_here(node, at + ".config", "address")) return;
    const auto address = split_host_port(conf_of(node).text_of("address"));
    if (!address || address->host.empty() || address->port.empty()) {
      validator_.error(*conf_of(node).find("address"), at + ".config.address",
                       "has to be in format of HOST:PORT");
    }
  }

  void tracing(const Node& node, const std::string& at) {
    const auto* sampling = node.find("sampling");
    if (sampling != nullptr && !is_percentage(sampling->scalar)) {
      validator_.error(*sampling, at + ".sampling", "has to be in [0.0 - 100.0] range");
    }
    const auto type = node.text_of("type");
    if (type == "zipkin") return zipkin(node, at + ".config");
    if (type != "datadog") return unknown_type(node, at, "\"zipkin\", \"datadog\"");
    needed(node, at + ".config", "address");
    validator_.port(node.find("conf") == nullptr ? node : conf_of(node), at + ".config", "port", true);
  }

  void metrics(const Node& node, const std::string& at) { validate_metrics_backend(validator_, node, at); }

 private:
  static bool is_percentage(const std::string& text) {
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && value >= 0 && value <= 100;
  }

  void zipkin(const Node& node, const std::string& path) {
    const auto& conf = conf_of(node);
    const auto version = conf.text_of("apiVersion");
    if (!version.empty() && version != "httpJsonV1" && version != "httpJson" && version != "httpProto") {
      validator_.error(*conf.find("apiVersion"), path + ".apiVersion",
                       "has invalid value. Allowed values: httpJsonV1, httpJson, httpProto");
    }
    if (!needed_here(node, path, "url")) return;
    const auto url = parse_request_url(conf.text_of("url"));
    if (!url) return validator_.error(*conf.find("url"), path + ".url", "invalid URL");
    if (url->port.empty()) {
      validator_.error(*conf.find("url"), path + ".url", "port has to be explicitly specified");
    }
  }

  void unknown_type(const Node& node, const std::string& at, const std::string& known) {
    validator_.error(node, at + ".type", "unknown backend type. Available backends: " + known);
  }

  bool needed_here(const Node& node, const std::string& path, std::string_view key) {
    if (!conf_of(node).text_of(key).empty()) return true;
    validator_.error(node, join_path(path, key), "cannot be empty");
    return false;
  }
  void needed(const Node& node, const std::string& path, std::string_view key) {
    needed_here(node, path, key);
  }

  Validator& validator_;
  const Node& section_;
  std::string path_;
  std::set<std::string> names_;
};

}  // namespace

void validate_metrics_backend(Validator& validator, const Node& backend, const std::string& at) {
  if (backend.text_of("type") != "prometheus") {
    return validator.error(backend, at + ".type", "unknown backend type. Available backends: \"prometheus\"");
  }
  const auto& conf = conf_of(backend);
  const auto path = at + ".conf";
  if (contradicts(conf)) {
    return validator.error(conf, path, "skipMTLS and tls configuration cannot be defined together");
  }
  if (const auto* regex = conf.find_path({"envoy", "filterRegex"}); regex != nullptr) {
    if (const auto problem = regex_problem(regex->scalar); !problem.empty()) {
      return validator.error(*regex, path + ".envoy.filterRegex",
                             "provided regexp isn't correct: " + problem);
    }
  }
  std::set<std::string, std::less<>> names;
  validator.each(conf, path, "aggregate", [&](const Node& item, const std::string& place) {
    const std::string name(item.text_of("name"));
    if (names.insert(name).second) return;
    validator.error(item, place + ".name", "duplicate entry: " + name + ", values have to be unique");
  });
}

void validate_mesh_backends(Validator& validator, const Node& mesh) {
  if (const auto* section = mesh.find("logging")) {
    Section(validator, *section, "logging")
        .run(&Section::logging, true, "defaultBackend",
             "has to be set to one of the logging backend in mesh");
  }
  if (const auto* section = mesh.find("tracing")) {
    Section(validator, *section, "tracing")
        .run(&Section::tracing, true, "defaultBackend",
             "has to be set to one of the tracing backend in mesh");
  }
  if (const auto* section = mesh.find("metrics")) {
    Section(validator, *section, "metrics")
        .run(&Section::metrics, false, "enabledBackend", "has to be set to one of the backends in the mesh");
  }
}

}  // namespace sluice::policy
