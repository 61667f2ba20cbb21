// The envelope of a document: who it is, in Universal or Kubernetes form.
#pragma once

#include <optional>
#include <string>

#include "policy/document/diagnostic.h"
#include "policy/document/node.h"
#include "policy/document/resource.h"

namespace sluice::policy {

// An object of Kubernetes that is none of Kuma's, as repositories hold them beside policies. A List is not
// meant, since its items may be.
bool is_foreign(const Node& document);

// Nothing when the document cannot be attributed to a kind of this language or breaks the rules for names and
// labels; the diagnostics say why. The body is not looked into.
std::optional<Resource> open_envelope(Node document, const std::string& file, Diagnostics& diagnostics);

}  // namespace sluice::policy
