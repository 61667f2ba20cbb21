// One HTTP/2 connection (RFC 9113) over a Stream, as server or as client: nghttp2 frames it, this decides
// what it may cost and moves the bytes. H2ServerSession and H2ClientSession are its two faces.
//
// Flow control: a stream's window is given back as its body is read, the connection's as bytes arrive, until
// `buffered_max` bytes wait for readers; so one slow reader stops itself, and all together are bounded.
// A server that answers before it has read: what the client goes on to send is discarded for a while, then
// the stream is reset with NO_ERROR (RFC 9113 section 8.1). Clients that write before they look at an answer
// (curl 7.88) take a reset for a failure, though the answer before it was whole. Bad input: a malformed
// message ends its stream, a broken frame or a flood (frames that cost, resets, header blocks that grow,
// HPACK bombs) ends the connection by GOAWAY with http_protocol_error.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/flood_guard.h"
#include "base/result.h"
#include "codec/h2_head.h"
#include "codec/h2_unread.h"
#include "codec/message_stream.h"
#include "io/byte_queue.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/signal.h"
#include "io/stream.h"

struct nghttp2_session;

namespace sluice::codec {

struct H2Limits {
  std::uint32_t streams_max = 128;
  std::uint32_t stream_window = 256 * 1024;
  std::uint32_t connection_window = 1024 * 1024;
  std::size_t buffered_max = 4 * 1024 * 1024;  // received and not yet read, all streams together
  std::size_t send_buffer = 64 * 1024;         // of one stream
  std::uint32_t control_burst = 1000;  // PING, SETTINGS, PRIORITY, CONTINUATION, empty DATA, unknown frames
  std::uint32_t control_per_second = 100;
  std::uint32_t reset_burst = 200;  // streams that the peer opened and reset (CVE-2023-44487)
  std::uint32_t reset_per_second = 100;
  Nanos head{};  // server: from the beginning of a request's header block to its end; 0: no limit
  // Server: how much of a request's body is discarded, and for how long, once its answer is whole.
  std::uint64_t unread_max = std::uint64_t{64} * 1024 * 1024;
  Nanos unread_whole{std::chrono::seconds(30)};
  Nanos unread_silent{std::chrono::seconds(5)};
};

using H2StreamId = std::int32_t;

// A head with the text and the places that it borrows from.
struct H2Head {
  std::string text;
  http::HeadReader reader{http::HeadReader::Kind::request};
  std::optional<http::Request> request;
  std::optional<http::Response> response;
};

struct H2StreamState {
  H2StreamState(io::Ring& ring, H2StreamId own_id) : id(own_id), readable(ring), writable(ring) {}

  const H2StreamId id;
  HeadText block;  // the header block that arrives
  std::size_t block_bytes = 0;
  std::deque<std::unique_ptr<H2Head>> heads;  // server: the request; client: interim heads and the answer
  http::Asked asked{};                        // client
  bool head_complete = false;                 // what comes next are trailers
  std::string trailers;
  io::ByteQueue received;
  io::ByteQueue to_send;
  std::string trailers_to_send;
  bool head_sent = false;
  bool finishing = false;  // nothing more will be written
  bool end_sent = false;
  bool end_received = false;
  bool released = false;  // its ServerStream or ClientStream is gone
  bool announced = false;
  bool closed = false;               // nghttp2 has forgotten it
  std::unique_ptr<H2Unread> unread;  // the rest of a request that nobody reads
  std::optional<Error> error;
  io::Signal readable;
  io::Signal writable;
};

class H2Connection {
 public:
  enum class Role : std::uint8_t { server, client };

  // `transport` outlives it. `already_read` is what of the peer's bytes somebody else has read.
  H2Connection(io::Ring& ring, io::Stream& transport, Role role, const H2Limits& limits,
               std::span<const std::byte> already_read = {});
  // Precondition: run() has returned or was never called.
  ~H2Connection();
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  // Once. Ends when the connection has: completed, or what broke it; streams then fail.
  io::Task<Error> run();
  // GOAWAY: no new stream; run() ends when the open ones have.
  void drain();
  // Server: the same, but streams that the client opened before it heard of it are served (RFC 9113 section
  // 6.8). drain() follows after `crossing`.
  io::Task<void> drain_gently(Nanos crossing);
  // What is only discarded is not waited for any longer.
  void end_unread();
  // Waits until what is owed has been handed to the transport, or for `limit`.
  io::Task<void> flush(Nanos limit);
  bool takes_streams() const { return !ended_ && !drain_sent_ && !drain_received_ && !broken_; }
  std::size_t room() const;
  std::size_t streams() const { return streams_.size(); }

  // Server: the next stream whose request head is whole; null at the orderly end.
  io::Task<Result<H2StreamState*>> next_request();
  // Client. Nothing when it takes none.
  H2StreamState* open(const FieldBlock& fields, bool ends, http::Asked asked);

  // --- for one stream
  io::Task<Result<BodyPart>> read_body(H2StreamState* stream);
  // Waits until the peer has given the stream up.
  io::Task<Result<>> gone(H2StreamState* stream);
  io::Task<Result<>> write_body(H2StreamState* stream, io::Chunk data);
  Result<> finish(H2StreamState* stream, std::string_view trailers);
  // `final` false: an interim answer. `ends`: nothing follows.
  Result<> submit_answer(H2StreamState* stream, const FieldBlock& fields, bool final, bool ends);
  void reset(H2StreamState* stream, const Error& why);
  void release(H2StreamState* stream);

 private:
  friend struct H2Callbacks;
  struct SessionFree {
    void operator()(nghttp2_session* session) const;
  };

  io::Task<Error> receive();
  io::Task<Result<io::Chunk>> read_more();
  io::Task<void> send();
  io::Task<void> send_all();
  io::Task<void> give_up_flush(Nanos limit);
  Result<> feed(std::span<const std::byte> bytes);
  std::vector<std::byte> take_output(std::size_t max);
  bool closed() const;
  void kick();
  void fail_streams(const Error& why);
  void forget_if_over(H2StreamState& stream);
  void discard_rest(H2StreamState& stream);
  void end_unread(H2StreamState& stream);
  void give_back_connection_window();
  H2StreamState* find(H2StreamId id);
  H2StreamState& add(H2StreamId id);
  Error broken() const;  // by the peer's fault
  Error lost(int sys_errno) const;
  // Ends the connection with GOAWAY(code): the peer costs too much or broke a rule that nghttp2 does not
  // watch. Returns what the callback that noticed returns.
  int violation(std::uint32_t code);

  io::Ring& ring_;
  io::Stream& transport_;
  const Role role_;
  const H2Limits limits_;
  std::vector<std::byte> already_read_;
  std::unique_ptr<nghttp2_session, SessionFree> session_;
  std::map<H2StreamId, std::unique_ptr<H2StreamState>> streams_;
  std::deque<H2StreamId> arrived_;  // server: requests that nobody has taken
  std::deque<H2StreamId> opened_;   // server: the newest numbers that the client has used, ascending
  std::vector<std::byte> out_;      // filled during take_output
  std::size_t out_max_ = 0;
  std::size_t buffered_ = 0;             // bytes in all `received` queues
  std::size_t owed_ = 0;                 // bytes of connection window held back
  MonoTime head_due_ = MonoTime::max();  // of the header block that is arriving
  FloodGuard control_;
  FloodGuard resets_;
  io::Signal output_;
  io::Signal request_arrived_;
  io::Signal sender_changed_;
  bool drain_sent_ = false;
  bool drain_received_ = false;
  bool broken_ = false;
  bool ended_ = false;
  bool sender_over_ = false;
  bool flush_over_ = false;
  std::optional<Error> end_;
};

}  // namespace sluice::codec
