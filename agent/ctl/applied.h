// The outcome of apply and enroll as a person reads it.
#pragma once

#include <string>

#include "ctl/verb.h"

namespace sluice::ctl {

// Lines "Dataplane web created" and warnings.
std::string applied_text(const Json& result, bool colour, bool dry_run);
// Tells a refusal with its diagnostics on standard error; returns kExitFailed.
int refused_apply(const Session& session, const Answer& answer);

}  // namespace sluice::ctl
