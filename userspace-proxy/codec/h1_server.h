// An HTTP/1.1 client's connection as a ServerSession: requests one after the other, pipelined or not.
//
// A refused head is answered with the status of its refusal and the connection ends. What an answer leaves
// unread of the request's body is read and discarded, up to 64 MB, 30 s, or 5 s of silence, and the next
// request is taken behind it. When the connection ends, our side is closed first and the rest discarded
// within the same bounds, so that no reset takes the answer back from a client that is still sending.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "codec/h1_input.h"
#include "codec/h1_output.h"
#include "codec/message_stream.h"
#include "http/forward.h"
#include "io/breakable.h"
#include "io/ring.h"
#include "io/signal.h"
#include "io/stream.h"

namespace sluice::codec {

// Zero: no limit.
struct H1ServerLimits {
  Nanos idle{};  // between requests: the session ends with idle_timeout
  Nanos head{};  // from the first byte of a head to its end: answered with 408
};

class H1ServerSession final : public ServerSession {
 public:
  // `client` outlives it. `already_read`: what of the client's bytes somebody else has read.
  H1ServerSession(io::Ring& ring, io::Stream& client, const H1ServerLimits& limits,
                  std::span<const std::byte> already_read);

  io::Task<Result<std::unique_ptr<ServerStream>>> next() override;
  void drain() override;
  void drain_gently() override { draining_ = true; }
  bool concurrent() const override { return false; }
  io::Task<void> close() override;

 private:
  friend class H1ServerStream;

  io::Task<Result<io::Chunk>> read_head_bytes();
  io::Task<Error> refuse(http::Refusal refusal);
  io::Task<Error> answer_and_end(std::uint16_t status, std::string_view text, Error why);
  io::Task<bool> discard_body();
  io::Task<Result<BodyPart>> read_body();
  io::Task<Result<>> gone();
  io::Task<Result<>> answer(const http::Response& response, const http::Edits& edits, bool ends);
  io::Task<Result<>> answer_after_interim(const http::Response& response, const http::Edits& edits,
                                          bool ends);
  io::Task<Result<>> answer_interim(const http::Response& response, const http::Edits& edits);
  io::Task<Result<>> send_continue();
  http::ResponseHop hop_for(const http::Response& response, http::BodyLength& framing);
  MonoTime head_deadline() const;
  Error lost_body() const;
  bool may_cut_in_order(const Error& why) const;

  io::Ring& ring_;
  io::Stream& client_;
  H1ServerLimits limits_;
  H1Input input_;
  H1Output output_;
  http::Request request_;
  http::BodyLength framing_;  // of the answer
  MonoTime waiting_since_;
  MonoTime head_since_;
  io::Breakable* waiting_ = nullptr;  // while no byte of the next request has come
  io::Signal interim_over_;
  bool interim_ = false;    // 100 is being written by the reading side
  bool continued_ = false;  // 100 has been sent for this request
  bool answered_ = false;   // its final head has been written
  bool last_one_ = false;   // no further request on this connection
  bool draining_ = false;
  bool broken_ = false;
  bool gave_up_ = false;  // on the rest of a body
  bool cut_ = false;      // the last answer broke off; what was written goes out
  bool first_ = true;
  bool another_ = false;  // not the first request of the connection
};

}  // namespace sluice::codec
