#include "tls/pipe_bio.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace sluice::tls {
namespace {

// Memory of an idle connection: an emptied input buffer larger than this is given back.
constexpr std::size_t kKeepInput = 4096;

int read_pipe(BIO* bio, char* out, std::size_t size, std::size_t* done) {
  auto& pipe = *static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *done = std::min(size, pipe.waiting());
  if (*done == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, pipe.in.data() + pipe.in_read, *done);
  pipe.in_read += *done;
  if (pipe.waiting() > 0) return 1;
  pipe.in.clear();
  pipe.in_read = 0;
  if (pipe.in.capacity() > kKeepInput) pipe.in.shrink_to_fit();
  return 1;
}

int write_pipe(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  auto& pipe = *static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto bytes = std::as_bytes(std::span(data, size));
  pipe.out.insert(pipe.out.end(), bytes.begin(), bytes.end());
  *done = size;
  return 1;
}

long control_pipe(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
  BIO_meth_set_read_ex(method, read_pipe);
  BIO_meth_set_write_ex(method, write_pipe);
  BIO_meth_set_ctrl(method, control_pipe);
  return method;
}

}  // namespace

BIO* make_pipe_bio(Pipe& pipe) {
  static const BIO_METHOD* const method = make_method();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &pipe);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace sluice::tls
