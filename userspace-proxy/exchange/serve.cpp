#include "exchange/serve.h"

#include <cerrno>
#include <utility>

#include "exchange/exchange.h"
#include "io/scope.h"

namespace sluice::exchange {
namespace {

io::Task<void> serve_one(Surroundings* surroundings, std::unique_ptr<codec::ServerStream> stream) {
  Exchange exchange(*surroundings, *stream);
  co_await exchange.run();
}

}  // namespace

io::Task<Error> serve_requests(codec::ServerSession& session, Surroundings& surroundings) {
  io::Scope requests;
  Error end{Reason::completed, Origin::downstream, 0, ""};
  while (true) {
    auto stream = co_await session.next();
    if (!stream) {
      end = stream.error();
      break;
    }
    if (*stream == nullptr) break;
    if (session.concurrent()) {
      requests.spawn(serve_one(&surroundings, std::move(*stream)));
    } else {
      co_await serve_one(&surroundings, std::move(*stream));
    }
  }
  co_await requests.join();
  co_await session.close();
  co_return end;
}

}  // namespace sluice::exchange
