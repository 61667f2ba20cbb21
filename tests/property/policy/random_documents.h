// Random documents of every kind that the compiler reads, for a small world of two meshes: few names, so that
// one document after another takes the place of an earlier one.
#pragma once

#include <random>
#include <string>

#include "policy/engine/host_addresses.h"

namespace sluice::policy::property {

struct RandomDocument {
  std::string key;  // of the document whose place it takes
  std::string text;
};

RandomDocument random_document(std::mt19937& random);
// What the names in them stand for.
HostAddresses random_hosts(std::mt19937& random);

}  // namespace sluice::policy::property
