// The references and limits of an image, checked once so that decisions need no checks.
#pragma once

#include <string>

#include "policy/table/image.h"

namespace sluice::policy {

// Empty when the image is sound, else what is wrong with it.
std::string check_image(const TableImage& image);

}  // namespace sluice::policy
