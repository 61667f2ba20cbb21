#include "exchange/serve.h"

#include <cerrno>
#include <utility>

#include "exchange/exchange.h"
#include "io/scope.h"
#include "io/timer_wheel.h"

namespace sluice::exchange {
namespace {

// Drains a session that has had no request for a time.
class Rest final : public io::Timer {
 public:
  Rest(io::Ring& ring, codec::ServerSession& session, Nanos limit)
      : ring_(ring), session_(session), limit_(session.concurrent() ? limit : Nanos::zero()) {
    begin();
  }
  void request_begins() {
    ++requests_;
    disarm();
  }
  void request_ends() {
    if (--requests_ == 0 && !over_) begin();
  }
  bool over() const { return over_; }

 private:
  void begin() {
    if (limit_ > Nanos::zero()) ring_.timers().arm(*this, ring_.now() + limit_);
  }
  void expired() override {
    over_ = true;
    session_.drain();
  }
  io::Ring& ring_;
  codec::ServerSession& session_;
  const Nanos limit_;
  std::size_t requests_ = 0;
  bool over_ = false;
};

io::Task<void> serve_one(Surroundings* surroundings, std::unique_ptr<codec::ServerStream> stream,
                         Rest* rest) {
  rest->request_begins();
  {
    const auto served = std::move(stream);
    Exchange exchange(*surroundings, *served);
    co_await exchange.run();
  }
  rest->request_ends();
}

}  // namespace

io::Task<Error> serve_requests(codec::ServerSession& session, Surroundings& surroundings, Nanos idle) {
  io::Scope requests;
  Rest rest(surroundings.ring(), session, idle);
  Error end{Reason::completed, Origin::downstream, 0, ""};
  while (true) {
    auto stream = co_await session.next();
    if (!stream) {
      end = stream.error();
      break;
    }
    if (*stream == nullptr) break;
    if (session.concurrent()) {
      requests.spawn(serve_one(&surroundings, std::move(*stream), &rest));
    } else {
      co_await serve_one(&surroundings, std::move(*stream), &rest);
    }
  }
  co_await requests.join();
  co_await session.close();
  if (rest.over() && end.reason == Reason::completed)
    co_return Error{Reason::idle_timeout, Origin::downstream, 0, "between requests"};
  co_return end;
}

}  // namespace sluice::exchange
