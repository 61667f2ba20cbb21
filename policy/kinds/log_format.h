// Formats of access logs in the words of Envoy's command operators, as Mesh.logging writes them.
#pragma once

#include <string>
#include <string_view>

namespace sluice::policy {

// Why the text is no such format; empty when it is. "%REQ(:path?x-path):20%" and "%START_TIME%" are
// operators; a percent sign cannot stand for itself.
std::string log_format_problem(std::string_view text);

}  // namespace sluice::policy
