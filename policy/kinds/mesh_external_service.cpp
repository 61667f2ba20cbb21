// MeshExternalService (kuma.md 1.4).
#include <algorithm>
#include <array>
#include <string>

#include "policy/document/names.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/secure_source.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_external_service_schema(Dialect dialect) {
  const auto source = dialect == Dialect::kuma_2
                          ? object({{"secret", text()}, {"inline", text()}, {"inlineString", text()}})
                          : secure_source();
  const auto version = one_of({"TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"});
  const auto san = object(
      {defaulted("type", one_of({"Exact", "Prefix"}), Node::of_text("Exact")), {"value", text(), true}});
  const auto verification = object(
      {defaulted("mode", one_of({"SkipSAN", "SkipCA", "SkipAll", "Secured"}), Node::of_text("Secured")),
       {"serverName", text()},
       {"subjectAltNames", list(san)},
       {"caCert", source},
       {"clientCert", source},
       {"clientKey", source}});
  const auto tls = object({defaulted("enabled", boolean(), Node::of_boolean(false)),
                           defaulted("allowRenegotiation", boolean(), Node::of_boolean(false)),
                           {"version", object({defaulted("min", version, Node::of_text("TLSAuto")),
                                               defaulted("max", version, Node::of_text("TLSAuto"))})},
                           {"verification", verification}});
  const auto match =
      object({defaulted("type", one_of({"HostnameGenerator"}), Node::of_text("HostnameGenerator")),
              {"port", integer(), true},
              defaulted("protocol", one_of({"tcp", "grpc", "http", "http2"}), Node::of_text("tcp"))});
  const auto endpoint =
      object({{"address", sized(text(), 1), true}, {"port", integer(), true}, {"priority", integer(0, 128)}});
  return object({{"spec", object({{"match", match, true},
                                  {"endpoints", list(endpoint)},
                                  {"tls", tls},
                                  {"extension", object({{"type", text(), true}, {"config", any()}})}})},
                 {"status", any()}});
}

namespace {

void validate_endpoint(Validator& validator, const Node& endpoint, const std::string& path) {
  const auto address = endpoint.text_of("address");
  if (is_host(address)) return validate_service_port(validator, endpoint, path, "port");
  validator.error(endpoint, path + ".address", "address has to be a valid IP or hostname");
}

// TLSAuto at either end leaves that end open.
void validate_versions(Validator& validator, const Node& version, const std::string& path) {
  constexpr std::array<std::string_view, 4> kOrder{"TLS10", "TLS11", "TLS12", "TLS13"};
  validate_choice(validator, version, path, "min", {"TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"});
  validate_choice(validator, version, path, "max", {"TLSAuto", "TLS10", "TLS11", "TLS12", "TLS13"});
  const auto min = std::ranges::find(kOrder, version.text_of("min"));
  const auto max = std::ranges::find(kOrder, version.text_of("max"));
  if (min == kOrder.end() || max == kOrder.end() || min <= max) return;
  validator.error(*version.find("min"), path + ".min", "min version must be lower than max");
}

// A source that would be read from the control plane's own disk or environment is not for everyone to name.
void validate_source(Validator& validator, const Node& verification, const std::string& path,
                     std::string_view key) {
  const auto* source = verification.find(key);
  if (source == nullptr || validator.dialect() == Dialect::kuma_2) return;
  const auto at = join_path(path, key);
  const auto type = source->text_of("type");
  if (type == "File" || type == "EnvVar") {
    return validator.error(*source, at + ".type", must_be_one_of(type, "Secret, InsecureInline"));
  }
  validate_secure_source(validator, *source, at);
}

void validate_sources(Validator& validator, const Node& verification, const std::string& path) {
  for (const auto* key : {"caCert", "clientCert", "clientKey"}) {
    validate_source(validator, verification, path, key);
  }
}

void validate_verification(Validator& validator, const Node& verification, const std::string& path) {
  const auto* name = verification.find("serverName");
  if (name != nullptr && !is_dns_name(name->scalar)) {
    validator.error(*name, path + ".serverName", "must be a valid DNS name");
  }
  validate_choice(validator, verification, path, "mode", {"SkipSAN", "SkipCA", "SkipAll", "Secured"});
  validator.each(verification, path, "subjectAltNames", [&](const Node& san, const std::string& at) {
    validate_choice(validator, san, at, "type", {"Prefix", "Exact"});
  });
  const auto* certificate = verification.find("clientCert");
  const auto* key = verification.find("clientKey");
  if (certificate != nullptr && key == nullptr) {
    validator.error(verification, path + ".clientKey", "must be defined when clientCert is defined");
  }
  if (certificate == nullptr && key != nullptr) {
    validator.error(verification, path + ".clientCert", "must be defined when clientKey is defined");
  }
  validate_sources(validator, verification, path);
}

}  // namespace

void validate_mesh_external_service(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_service_name(validator, true);
  if (const auto* match = spec.find("match")) {
    validate_service_port(validator, *match, "spec.match", "port");
    validate_choice(validator, *match, "spec.match", "type", {"HostnameGenerator"});
    validate_choice(validator, *match, "spec.match", "protocol", {"tcp", "grpc", "http", "http2"});
  } else {
    validator.error(spec, "spec.match", "must be defined");
  }
  const auto* tls = spec.find("tls");
  const auto* verification = tls == nullptr ? nullptr : tls->find("verification");
  const std::string path = "spec.tls.verification";
  if (const auto* extension = spec.find("extension")) {
    // An extension judges endpoints and TLS itself, except for where data may come from.
    if (extension->text_of("type").empty()) {
      validator.error(*extension, "spec.extension.type", "must not be empty");
    }
    if (verification != nullptr) validate_sources(validator, *verification, path);
    return;
  }
  validator.each(spec, "spec", "endpoints", [&](const Node& endpoint, const std::string& at) {
    validate_endpoint(validator, endpoint, at);
  });
  if (tls == nullptr) return;
  if (const auto* version = tls->find("version")) validate_versions(validator, *version, "spec.tls.version");
  if (verification != nullptr) validate_verification(validator, *verification, path);
}

}  // namespace sluice::policy
