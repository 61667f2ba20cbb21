#include "exchange/attempt.h"

#include <utility>

namespace sluice::exchange {

io::Task<Result<std::unique_ptr<io::Stream>>> Attempt::dial() {
  auto dialled = co_await surroundings_.dial(table_, permit_);
  if (dialled) use_.connected(surroundings_.ring().now());
  co_return dialled;
}

io::Task<Result<const http::Response*>> Attempt::answer(const http::Request& request, http::Edits edits,
                                                        codec::ServerStream& client, bool fresh) {
  auto lease = co_await surroundings_.pool().lease(surroundings_.key(permit_), this, fresh, use_);
  if (!lease) co_return std::unexpected(lease.error());
  lease_ = std::move(*lease);
  connected_ = true;
  const MonoTime sent_at = surroundings_.ring().now();
  const bool has_body = request.body.kind != http::BodyLength::Kind::none;
  const auto sent = co_await stream().send(request, edits, !has_body && !request.is_connect());
  head_sent_ = true;
  if (!sent) co_return std::unexpected(sent.error());
  if (has_body) uploading_.spawn(upload());
  while (true) {
    auto response = co_await stream().answer();
    if (!response && client_failed_) co_return std::unexpected(*client_failed_);
    watch_.moved();
    if (!response) co_return response;
    if (!(*response)->interim()) {
      use_.took(surroundings_.ring().now() - sent_at, surroundings_.ring().now());
      co_return response;
    }
    // 100 was the proxy's own to say: the request that went on did not ask for it.
    if ((*response)->status == 100) continue;
    if (const auto passed = co_await client.answer(**response, {}, false); !passed) {
      client_failed_ = passed.error();
      co_return std::unexpected(passed.error());
    }
  }
}

// An endpoint that answers before it has read the body may stop reading: then its answer is what counts.
io::Task<void> Attempt::upload() {
  while (true) {
    auto part = co_await body_.next();
    if (!part) {
      if (uploading_.cancelled()) co_return;
      client_failed_ = part.error();
      stream().reset(part.error());
      co_return;
    }
    watch_.moved();
    const bool last = part->last;
    if (!part->data.empty()) {
      if (last) stream().hold_back();
      if (!co_await stream().write_body(std::move(part->data))) co_return;
    }
    if (last) {
      (void)co_await stream().finish(part->trailers);
      co_return;
    }
    watch_.moved();
  }
}

io::Task<void> Attempt::give_up(Error why) {
  if (connected_) stream().reset(why);
  uploading_.cancel();
  co_await uploading_.join();
}

}  // namespace sluice::exchange
