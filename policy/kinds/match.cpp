#include "policy/document/names.h"
#include "policy/kinds/spiffe_id.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

void validate_match(Validator& validator, const Node& match, const std::string& path,
                    const MatchRules& rules) {
  const auto* spiffe = match.find("spiffeID");
  const auto* sni = match.find("sni");
  if (rules.require_one && spiffe == nullptr && sni == nullptr) {
    validator.error(match, path, "at least one of 'spiffeID' or 'sni' must be defined");
  }
  if (spiffe != nullptr) {
    const auto spiffe_path = join_path(path, "spiffeID");
    const auto type = spiffe->text_of("type");
    if (rules.require_one && type != "Exact" && type != "Prefix") {
      validator.error(*spiffe, join_path(spiffe_path, "type"),
                      "unrecognized type \"" + std::string(type) + "\", supported values are: Exact, Prefix");
    }
    if (const auto problem = spiffe_id_problem(spiffe->text_of("value")); !problem.empty()) {
      const auto* value = spiffe->find("value");
      validator.error(value == nullptr ? *spiffe : *value,
                      rules.require_one ? join_path(spiffe_path, "value") : spiffe_path,
                      "must be a valid Spiffe ID: " + problem, "write for example spiffe://default/web");
    }
  }
  if (sni != nullptr) {
    if (const auto type = sni->text_of("type"); type != "Exact") {
      validator.error(*sni, join_path(join_path(path, "sni"), "type"),
                      "unrecognized type \"" + std::string(type) + "\", supported values are: Exact");
    }
    if (!is_dns_subdomain(sni->text_of("value"))) {
      validator.error(*sni, join_path(join_path(path, "sni"), "value"), "must be a valid SNI");
    }
  }
}

}  // namespace sluice::policy
