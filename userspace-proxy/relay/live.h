// The live connections of one worker, so that a new table can be held against each of them: what it denies
// ends, what it allows is not touched.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/revocations.h"
#include "base/workload.h"
#include "policy/table/table.h"

namespace sluice::relay {

class LiveSet;

// A connection as the set sees it. Belongs to the set from enter() until it dies. One thread.
class LiveConnection {
 public:
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;

  // What the table has to go on allowing; empty while it has not been asked yet.
  virtual std::span<const policy::LiveFlow> flows() const = 0;
  virtual WorkloadId local_workload() const = 0;
  // Was an identity revoked that this connection rests on, its own workload's included?
  virtual bool rests_on_revoked(const Revocations& revoked) const = 0;
  // Ends the connection soon; must not destroy it before it returns.
  virtual void revoke(const policy::Refusal& refusal) = 0;
  // It is relayed unread, and the table wants its requests: to end when that hurts least. False: not any
  // more.
  virtual void retire(bool wanted) = 0;
  // Makes the facts and bytes so far visible.
  virtual void publish() = 0;

 protected:
  LiveConnection() = default;
  ~LiveConnection();

 private:
  friend class LiveSet;
  LiveSet* set_ = nullptr;
  LiveConnection* previous_ = nullptr;
  LiveConnection* next_ = nullptr;
};

class LiveSet {
 public:
  LiveSet() = default;
  LiveSet(const LiveSet&) = delete;
  LiveSet& operator=(const LiveSet&) = delete;

  void enter(LiveConnection& connection);
  std::size_t size() const { return size_; }

  // Returns how many were revoked.
  std::size_t rejudge(const policy::Table& table);
  // Ends the connections of a workload that is gone.
  std::size_t revoke_workload(WorkloadId workload);
  // Ends the connections that rest on an identity of these; returns how many.
  std::size_t end_revoked(const Revocations& revoked);
  void publish_all();

 private:
  friend class LiveConnection;
  void leave(LiveConnection& connection);

  LiveConnection* head_ = nullptr;
  std::size_t size_ = 0;
};

// Is one of them relayed as bytes whose requests `table` wants to read?
bool wants_requests(const policy::Table& table, std::span<const policy::LiveFlow> flows);
// The first refusal that `table` has for one of the flows.
std::optional<policy::Refusal> rejudge(const policy::Table& table, std::span<const policy::LiveFlow> flows);

}  // namespace sluice::relay
