// Copies of a request for the services that its route mirrors to. A copy goes out once the request is whole,
// and whatever becomes of it nobody is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exchange/endpoints.h"
#include "exchange/pool.h"
#include "http/edits.h"
#include "http/request.h"
#include "io/ring.h"
#include "policy/table/table.h"

namespace sluice::exchange {

struct Copy {
  std::shared_ptr<const policy::Table> table;  // that the endpoints borrow from
  Endpoints::Picked where;
  std::string head;  // as HTTP/1.1
  std::string body;
};

// How long a copy may take, from the choice of an endpoint to the end of its answer.
inline constexpr Nanos kCopyTime = std::chrono::seconds(15);

// The head that a copy goes out with: the original's as it would go on, its host marked as Envoy does.
std::string copied_head(const http::Request& request, http::Edits edits);

// To the end of the copy's answer, which is read and thrown away. `dialer` outlives it.
io::Task<void> send_copy(io::Ring& ring, Pool& pool, PoolKey key, Dialer& dialer, Copy copy);

}  // namespace sluice::exchange
