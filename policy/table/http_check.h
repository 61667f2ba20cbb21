// The references, limits and texts of an image's HTTP part, checked once. Regular expressions are checked
// where they are compiled; regexes.h.
#pragma once

#include <string>

#include "policy/table/image.h"

namespace sluice::policy {

// Empty when all is sound.
std::string check_http(const TableImage& image);

}  // namespace sluice::policy
