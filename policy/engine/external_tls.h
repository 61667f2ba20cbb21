// `tls` of a MeshExternalService (kuma.md 1.4): from where its data comes, and what of a server is checked.
#pragma once

#include <expected>
#include <string>

#include "policy/engine/world.h"
#include "policy/table/image.h"

namespace sluice::policy {

// The error says what is missing, as a part of a sentence; it never quotes the data.
std::expected<ExternalTls, std::string> external_tls(const Node& tls, const MeshWorld& mesh);

// Does a part of the table judge servers by the authorities of the system? Then it is to be given them.
bool needs_system_authorities(const TableImage& table);
void set_system_authorities(TableImage& table, std::string pem);

}  // namespace sluice::policy
