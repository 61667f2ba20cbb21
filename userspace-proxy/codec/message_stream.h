// One request and its answer, as the life of a request sees them whatever the version on the wire. A head is
// always text in the form of HTTP/1.1 with the places of its fields (http/request.h, http/response.h): the
// HTTP/1 codec keeps what it read, the HTTP/2 codec writes it from the decoded fields. So routing, policy and
// header rules are written once.
//
// One task reads a stream and one writes it at the same time, as with io::Stream. Views that a stream gives
// out stay valid until the stream is destroyed or, for an answer, until the next answer() is awaited.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/edits.h"
#include "http/request.h"
#include "http/response.h"
#include "io/buffer.h"
#include "io/task.h"

namespace sluice::codec {

enum class Version : std::uint8_t { http_1, http_2 };

// A piece of a body, without the framing of its version.
struct BodyPart {
  io::Chunk data;          // may be empty
  bool last = false;       // nothing follows
  std::string trailers{};  // field lines "name: value\r\n"; only with `last`
};

// Common to both sides: the body that is written.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // Back-pressure: ends when the bytes have been taken.
  virtual io::Task<Result<>> write_body(io::Chunk data) = 0;
  // The message is whole. `trailers` as in BodyPart; dropped where the version or the framing cannot carry
  // them.
  virtual io::Task<Result<>> finish(std::string_view trailers) = 0;
  // More follows at once: what is written next may go out together with it.
  virtual void hold_back() {}
};

// A request that a client sent to the proxy.
class ServerStream : public BodySink {
 public:
  virtual const http::Request& request() const = 0;
  virtual Version version() const = 0;
  // 100-continue is answered by the first call, where the client waits for it.
  virtual io::Task<Result<BodyPart>> read_body() = 0;
  // Sends a head: any number of interim ones, then the final one. `ends`: no body and no trailers follow.
  virtual io::Task<Result<>> answer(const http::Response& response, const http::Edits& edits, bool ends) = 0;
  // Waits for the client to go away; the error says how it went. Success: there is no telling (it has asked
  // ahead, or has said that nothing follows and ended its side). Only once the request's body has been read;
  // cancelled before anybody else reads.
  virtual io::Task<Result<>> gone() = 0;
  // Ends the stream (HTTP/2: RST_STREAM) or the connection (HTTP/1): the answer cannot become whole.
  virtual void reset(Error why) = 0;
};

// One connection of a client, which carries requests one after the other (HTTP/1) or many at a time (HTTP/2).
class ServerSession {
 public:
  virtual ~ServerSession() = default;
  // The next request's head, once it is whole. Null: the client has ended in order, or the session has been
  // drained and the last answer is out. Errors: what broke the connection, or a refused head, which has been
  // answered. HTTP/1: the stream before must have been destroyed.
  virtual io::Task<Result<std::unique_ptr<ServerStream>>> next() = 0;
  // No further request is taken (Connection: close, or GOAWAY); those begun go on.
  virtual void drain() = 0;
  // The same, but requests that cross with it are served. HTTP/1: a connection that waits for a request stays
  // until it has carried one more. HTTP/2: GOAWAY follows a second after the client was asked to send no
  // more.
  virtual void drain_gently() { drain(); }
  // The next request may come while the ones before are still being answered.
  virtual bool concurrent() const = 0;
  // Ends what the session itself still does; must be awaited before it dies, after its streams have died.
  virtual io::Task<void> close() = 0;
};

// A request that the proxy sends to an endpoint.
class ClientStream : public BodySink {
 public:
  virtual io::Task<Result<>> send(const http::Request& request, const http::Edits& edits, bool ends) = 0;
  // The next head of the answer, interim ones included.
  virtual io::Task<Result<const http::Response*>> answer() = 0;
  virtual io::Task<Result<BodyPart>> read_body() = 0;
  // The next read_body() has something to give without waiting.
  virtual bool body_waits() const { return false; }
  // Gives the request up. HTTP/1: its connection will carry no other.
  virtual void reset(Error why) = 0;
};

// One connection to an endpoint. Destroying it closes it; its streams must have been destroyed before.
class ClientSession {
 public:
  virtual ~ClientSession() = default;
  virtual Version version() const = 0;
  // How many more streams it would take now; 0 once it is closing or broken.
  virtual std::size_t room() const = 0;
  // Precondition: room() > 0. The stream may still fail with tunnel_lost-like errors when the far end closes.
  virtual std::unique_ptr<ClientStream> open() = 0;
  virtual bool idle() const = 0;
  // Ends when the far end has closed or the connection has broken; reads what comes meanwhile.
  virtual io::Task<void> run() = 0;
};

}  // namespace sluice::codec
