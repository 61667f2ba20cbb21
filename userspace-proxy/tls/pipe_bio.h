// The memory that stands where OpenSSL expects a socket: ciphertext waits in `in` to be read, what OpenSSL
// writes gathers in `out` and can be moved away whole, which OpenSSL's own memory BIO does not allow.
#pragma once

#include <cstddef>
#include <vector>

struct bio_st;

namespace sluice::tls {

struct Pipe {
  std::vector<std::byte> in;
  std::size_t in_read = 0;  // bytes of `in` already taken
  std::vector<std::byte> out;

  std::size_t waiting() const { return in.size() - in_read; }
};

// The caller frees it (BIO_free_all); `pipe` outlives it. Null when memory is out.
bio_st* make_pipe_bio(Pipe& pipe);

}  // namespace sluice::tls
