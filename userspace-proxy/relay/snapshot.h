// What the agent has delivered, as one worker sees it: immutable parts behind shared pointers. A connection
// keeps the snapshot it began with until it is relaying; the worker swaps its own between turns.
#pragma once

#include <memory>

#include "policy/table/table.h"
#include "tls/credentials.h"

namespace sluice::relay {

struct Snapshot {
  std::shared_ptr<const policy::Table> table;
  std::shared_ptr<const tls::Credentials> credentials;

  bool complete() const { return table != nullptr && credentials != nullptr; }
};

}  // namespace sluice::relay
