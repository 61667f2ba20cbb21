// One GET over http or https, as far as a command line needs it.
#pragma once

#include <string>

#include "base/result.h"
#include "ctl/json_view.h"

namespace sluice::ctl {

// The JSON at `url`. A fault for another scheme, no answer, an answer that is not 200, or no JSON. Redirects
// are not followed, certificates are verified, at most 64 MiB are read.
Outcome<Json> fetch_json(const std::string& url);

}  // namespace sluice::ctl
