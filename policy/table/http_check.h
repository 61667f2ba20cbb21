// The references, limits and texts of an image's HTTP part, checked once. Regular expressions are checked
// where they are compiled; regexes.h.
#pragma once

#include <string>

#include "policy/table/image.h"

namespace sluice::policy {

// Empty when all is sound. Workloads are checked one by one.
std::string check_http(const TableImage& image);
std::string check_http(const TableImage& image, const WorkloadImage& workload);

}  // namespace sluice::policy
