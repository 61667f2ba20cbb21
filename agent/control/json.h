// The agent's plain structs as the JSON of docs/control-api.yaml. Keys keep the order in which a reader wants
// them. Times are RFC 3339 text in UTC, ids of connections are text (they need 64 bits, JSON readers keep
// 53).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "app/agent_api.h"
#include "base/health_event.h"

namespace sluice::control {

using Json = nlohmann::ordered_json;

Json to_json(const agent::VersionInfo& version);
Json to_json(const agent::UpgradeInfo& upgrade);
Json to_json(const agent::StatusInfo& status);
Json to_json(const agent::CheckRow& row);
Json to_json(const agent::WorkloadInfo& workload);
Json to_json(const agent::ResourceInfo& resource);
Json to_json(const agent::Diagnostic& diagnostic);
Json to_json(const agent::ApplyResult& result);
Json to_json(const agent::ApplyRefusal& refusal);
Json to_json(const agent::ConnectionInfo& connection);
Json to_json(const agent::Explanation& explanation);
Json to_json(const agent::CertificateInfo& certificate);
Json to_json(const agent::UninstallReport& report);
// In the form of Envoy's HealthCheckEvent; null: it is none that a proxy of ours would send.
Json to_json(const message::HealthEvent& event);

template <typename T>
Json list_of(const std::vector<T>& items) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(to_json(item));
  return list;
}

// Text on the wire. Bytes that are not UTF-8 (names from outside) become U+FFFD instead of an exception.
std::string to_text(const Json& json);

}  // namespace sluice::control
