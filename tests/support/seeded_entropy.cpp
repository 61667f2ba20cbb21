#define OPENSSL_SUPPRESS_DEPRECATED  // 3.0 has no other way to put entropy in place of its own for every
                                     // context
#include "tests/support/seeded_entropy.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <random>

namespace sluice::support {
namespace {

std::mt19937_64 random_source;

int fill(unsigned char* out, int size) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(random_source());
  return 1;
}
int status() {
  return 1;
}

const RAND_METHOD kSeeded{
    .seed = nullptr, .bytes = fill, .cleanup = nullptr, .add = nullptr, .pseudorand = fill, .status = status};

}  // namespace

SeededEntropy::SeededEntropy(std::uint64_t seed) {
  random_source.seed(seed);
  if (RAND_set_rand_method(&kSeeded) != 1) std::abort();
}

SeededEntropy::~SeededEntropy() {
  RAND_set_rand_method(nullptr);
}

}  // namespace sluice::support
