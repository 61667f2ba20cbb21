// JSON as block YAML for `-o yaml`: what a YAML 1.1 or 1.2 reader turns back into the same JSON.
#pragma once

#include <string>

#include "ctl/json_view.h"

namespace sluice::ctl {

std::string to_yaml(const Json& json);

}  // namespace sluice::ctl
