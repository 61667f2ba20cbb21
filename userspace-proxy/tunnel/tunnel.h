// Tunnel: a Session driven over a Stream (a mesh TLS connection whose ALPN is `sluice-h2`), on one ring's
// thread. It is shared by its owner and its streams; run() does the work and ends when the connection does.
//
//   auto tunnel = Tunnel::make(ring, std::move(tls), Role::server, limits, &handler);
//   Error how = co_await tunnel->run();
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "io/ring.h"
#include "io/scope.h"
#include "io/signal.h"
#include "io/stream.h"
#include "tunnel/session.h"
#include "tunnel/tunnel_stream.h"

namespace sluice::tunnel {

struct TunnelLimits {
  SessionLimits session{};
  Nanos idle = Millis(60000);       // client: without a stream for so long, the tunnel is closed
  Nanos keepalive = Millis(15000);  // silence before a PING, and again before the tunnel counts as lost
  Nanos rest = Millis(1000);        // server: silence without a stream before memory is given back
  Nanos tick = Millis(5000);  // how exactly the two are kept; also how long a closing peer is waited for
};

// What a server does with the application connections that come out of a tunnel. Lives longer than the
// tunnel's run().
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Judges the claims against who the peer has proved to be; an error refuses the stream (tunnel_forged,
  // ...).
  virtual std::optional<Error> check(const StreamRequest& request) = 0;
  // A stream whose request was none has been reset.
  virtual void refused(const Error& why) = 0;
  // One task per stream, in the tunnel's scope. Calls answer() or reset() on the stream.
  virtual io::Task<void> serve(std::unique_ptr<TunnelStream> stream, StreamRequest request) = 0;
};

class Tunnel : public std::enable_shared_from_this<Tunnel> {
  struct Private {};

 public:
  // handler: the server's; null for a client.
  static std::shared_ptr<Tunnel> make(io::Ring& ring, std::unique_ptr<io::Stream> transport, Role role,
                                      const TunnelLimits& limits, StreamHandler* handler = nullptr);
  Tunnel(Private, io::Ring& ring, std::unique_ptr<io::Stream> transport, Role role,
         const TunnelLimits& limits, StreamHandler* handler);

  // Once. Ends when the connection ended (streams then fail with tunnel_lost) or all was closed in order
  // (Reason::completed), and every handler has returned. Cancelling its scope ends all at once.
  io::Task<Error> run();

  // Client: a new stream, usable at once. Errors as Session::open.
  Result<std::unique_ptr<TunnelStream>> open(const StreamRequest& request, FlowMeter meter = {});
  // No new streams; run() ends when the open ones have. A server still serves those that the client opened
  // before it heard of it.
  void drain();
  bool takes_streams() const { return !stopping_ && !session_.draining() && session_.streams_room() > 0; }
  std::size_t streams() const { return session_.streams(); }

  // For TunnelStream.
  io::Ring& ring() { return ring_; }
  Session& session() { return session_; }
  void kick();
  void attach(StreamId id, TunnelStream& stream) { attached_[id] = &stream; }
  void detach(StreamId id);

 private:
  io::Task<Error> receive();
  io::Task<void> send();
  io::Task<void> watch();
  void dispatch_events();
  void on_opened(const Event& event);
  void rest();
  Error lost(int sys_errno) const;
  Error told_to_streams(const Error& end) const;

  io::Ring& ring_;
  std::unique_ptr<io::Stream> transport_;
  Role role_;
  TunnelLimits limits_;
  StreamHandler* handler_;
  Session session_;
  io::Signal output_;
  io::Scope handlers_;
  std::unordered_map<StreamId, TunnelStream*> attached_;
  MonoTime heard_;
  MonoTime idle_since_;
  std::optional<MonoTime> announced_;  // that it drains
  std::optional<MonoTime> pinged_;
  bool stopping_ = false;
  bool heard_anything_ = false;
  bool drowsy_ = false;  // the session rests again once it has answered
};

}  // namespace sluice::tunnel
