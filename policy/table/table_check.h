// The references and limits of an image, checked once so that decisions need no checks.
#pragma once

#include <cstdint>
#include <string>

#include "policy/table/image.h"

namespace sluice::policy {

// What services and the workloads of other nodes refer to: every number lies below these.
struct References {
  std::uint32_t rules = 1;
  std::uint32_t meshes = 0;
  std::uint32_t permissions = 0;
  std::uint32_t http_inbounds = 0;
  std::uint32_t clusters = 0;

  // Does the image have as many of each? Of clusters there must be no question: what one may hold depends on
  // who refers to it.
  bool hold_in(const TableImage& image) const;
};

// An image that passed.
struct CheckedImage {
  const TableImage& image;
  References references;
  bool same_places = false;  // its places (places.h) are those of the image to be checked
};

// Empty when the image is sound, else what is wrong with it. `references` become those of this image, or
// more. `before` may be null; parts that it shares with the image are not looked at again.
std::string check_image(const TableImage& image, References& references, const CheckedImage* before);

}  // namespace sluice::policy
