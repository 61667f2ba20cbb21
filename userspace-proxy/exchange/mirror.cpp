#include "exchange/mirror.h"

#include <utility>

#include "exchange/own_request.h"
#include "http/forward.h"
#include "io/within.h"

namespace sluice::exchange {
namespace {

// "host" or "host:port" becomes "host-shadow" or "host-shadow:port".
std::string marked(std::string_view authority) {
  const auto colon = authority.rfind(':');
  const bool port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  const auto host = authority.substr(0, port ? colon : authority.size());
  if (host.ends_with(']')) return std::string(authority);  // a bare address has no name to mark
  return std::string(host).append("-shadow").append(authority.substr(host.size()));
}

io::Task<Result<>> run_copy(Pool& pool, PoolKey key, Dialer& dialer, Copy copy) {
  const OwnRequest own(std::move(copy.head));
  if (!own.valid()) co_return fail(Reason::internal_error, Origin::internal, "copy");
  auto lease = co_await pool.lease(std::move(key), &dialer, false, copy.where.use);
  if (!lease) co_return std::unexpected(lease.error());
  codec::ClientStream& stream = lease->stream();
  const bool has_body = own.request().body.kind != http::BodyLength::Kind::none;
  auto sent = co_await stream.send(own.request(), {}, !has_body);
  if (sent && has_body && !copy.body.empty())
    sent = co_await stream.write_body(io::Chunk::copy_of(std::as_bytes(std::span(copy.body))));
  if (sent && has_body) sent = co_await stream.finish({});
  if (!sent) co_return sent;
  Result<const http::Response*> head = nullptr;
  do {
    head = co_await stream.answer();
    if (!head) co_return std::unexpected(head.error());
  } while ((*head)->interim());
  for (bool last = (*head)->body.kind == http::BodyLength::Kind::none; !last;) {
    const auto part = co_await stream.read_body();
    if (!part) co_return std::unexpected(part.error());
    last = part->last;
  }
  co_return Result<>();
}

}  // namespace

std::string copied_head(const http::Request& request, http::Edits edits) {
  const std::string host = marked(edits.authority.empty() ? request.authority : edits.authority);
  edits.authority = host;
  std::string head;
  http::write_request(request, edits, head);
  return head;
}

io::Task<void> send_copy(io::Ring& ring, Pool& pool, PoolKey key, Dialer& dialer, Copy copy) {
  const Error late{Reason::request_timeout, Origin::upstream, 0, "mirrored request"};
  (void)co_await io::within(ring, ring.now() + kCopyTime, late,
                            run_copy(pool, std::move(key), dialer, std::move(copy)));
}

}  // namespace sluice::exchange
