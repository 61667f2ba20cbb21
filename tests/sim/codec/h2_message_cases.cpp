// RFC 9113 sections 4.3, 5 and 8: header blocks, states of streams, and what a message may be.
#include "tests/sim/codec/h2_cases.h"
#include "tests/sim/codec/h2_frames.h"

namespace sluice::codec {

using namespace frames;

namespace {

constexpr auto kNotAnswered = Expect::Kind::not_answered;

}  // namespace

std::vector<Case> compression_cases() {
  const std::string whole = block(get());
  std::vector<Case> out{
      {"4.3 index zero",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x80"),
       {goaway({kCompression})}},
      {"4.3 an index out of the tables",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\xff\x7f"),
       {goaway({kCompression})}},
      {"4.3 a literal that is cut off",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x05zz", 4)),
       {goaway({kCompression})}},
      {"4.3 an integer without end",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string(12, '\xff')),
       {goaway({kCompression})}},
      {"4.3 Huffman padding that is no prefix of EOS",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x01x\x81\x00", 5)),
       {goaway({kCompression})}},
      {"4.3 Huffman padding of a whole byte",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + std::string("\x00\x01x\x82\xff\xff", 6)),
       {goaway({kCompression})}},
      {"4.3 a table larger than SETTINGS allow",
       frame(kHeaders, kEndHeaders | kEndStream, 1, std::string("\x3f\xff\xff\x03", 4) + whole),
       {goaway({kCompression})}},
      {"4.3 a table size change after a field",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x20"),
       {goaway({kCompression})}},
      {"4.3 the state is kept over streams",
       frame(kHeaders, kEndHeaders | kEndStream, 1, whole + "\x40" + text("x-a") + text("1")) +
           frame(kHeaders, kEndHeaders | kEndStream, 3, whole + "\xbe"),
       {answer(1), answer(3)}},
      {"4.3 HEADERS inside another header block",
       frame(kHeaders, kEndStream, 1, whole) + request(3),
       {goaway({kProtocol})}},
      {"4.3 DATA inside a header block", frame(kHeaders, 0, 1, whole) + data(1, "x"), {goaway({kProtocol})}},
      {"4.3 CONTINUATION of another stream",
       frame(kHeaders, kEndStream, 1, whole) + frame(kContinuation, kEndHeaders, 3, ""),
       {goaway({kProtocol})}},
      {"6.10 a block in three pieces",
       frame(kHeaders, kEndStream, 1, whole.substr(0, 5)) + frame(kContinuation, 0, 1, whole.substr(5, 9)) +
           frame(kContinuation, kEndHeaders, 1, whole.substr(14)),
       {answer()}},
      {"6.10 CONTINUATION without HEADERS",
       frame(kContinuation, kEndHeaders, 1, whole),
       {goaway({kProtocol})}},
      {"6.10 CONTINUATION on stream 0",
       frame(kHeaders, kEndStream, 1, whole) + frame(kContinuation, kEndHeaders, 0, ""),
       {goaway({kProtocol})}},
      {"6.10 CONTINUATION after the block's end",
       request(1) + frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol, kStreamClosed})}},
      {"6.10 CONTINUATION after DATA",
       open(1) + data(1, "x") + frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol})}},
  };
  std::string flood = frame(kHeaders, kEndStream, 1, whole);
  for (int i = 0; i < 200; ++i) flood += frame(kContinuation, 0, 1, "");
  out.push_back({"10.5 CONTINUATION without end", flood, {goaway({kCalm, kProtocol}), {kNotAnswered}}});
  return out;
}

std::vector<Case> state_cases() {
  const std::string late = request(1, changed(get(), ":path", "/late"));
  std::vector<Case> out{
      {"5.1 idle: DATA", data(1, "x"), {goaway({kProtocol, kStreamClosed})}},
      {"5.1 idle: RST_STREAM", frame(kRst, 0, 1, number(kCancel, 4)), {goaway({kProtocol})}},
      {"5.1 idle: WINDOW_UPDATE", frame(kWindow, 0, 1, number(1, 4)), {goaway({kProtocol})}},
      {"5.1 idle: PRIORITY is allowed",
       frame(kPriority, 0, 1, number(0, 4) + "\x10") + request(3),
       {answer(3)}},
      {"5.1 half-closed: DATA", late + data(1, "x"), {goaway({kStreamClosed, kProtocol})}},
      {"5.1 half-closed: HEADERS", late + request(1), {goaway({kStreamClosed, kProtocol})}},
      {"5.1 half-closed: WINDOW_UPDATE is allowed",
       request(1) + frame(kWindow, 0, 1, number(1, 4)) + request(3),
       {answer(1), answer(3)}},
      {"5.1 half-closed: RST_STREAM is allowed",
       request(1) + frame(kRst, 0, 1, number(kCancel, 4)) + request(3),
       {answer(3)}},
      {"5.1 closed: HEADERS after RST_STREAM",
       open(1) + frame(kRst, 0, 1, number(kCancel, 4)) +
           frame(kHeaders, kEndHeaders | kEndStream, 1, block(get())),
       {{kNotAnswered}}},
      {"5.1 closed: RST_STREAM does not answer RST_STREAM",
       open(1) + frame(kRst, 0, 1, number(kCancel, 4)) + request(3),
       {{kNotAnswered}, answer(3)}},
      {"5.1 a request with a body", open(1) + data(1, "abc") + data(1, "def", true), {answer()}},
      {"5.1 the end alone", open(1) + data(1, "", true), {answer()}},
      {"5.1.1 an even number", request(2), {goaway({kProtocol})}},
      {"5.1.1 a number that goes down", request(5) + request(3), {goaway({kProtocol, kStreamClosed})}},
      {"5.1.1 numbers may be left out", request(1) + request(7), {answer(1), answer(7)}},
      {"8.1 a HEAD request", request(1, changed(get(), ":method", "HEAD")), {answer()}},
  };
  std::string many;
  for (std::uint32_t i = 0; i < 11; ++i) many += open(2 * i + 1);
  out.push_back({"5.1.2 more streams than allowed", many, {rst({kRefused, kProtocol}, 21)}});
  std::string rapid;
  for (std::uint32_t i = 0; i < 100; ++i)
    rapid += open(2 * i + 1) + frame(kRst, 0, 2 * i + 1, number(kCancel, 4));
  out.push_back({"10.5 streams opened and reset without end", rapid, {goaway({kCalm, kProtocol})}});
  return out;
}

namespace {

// Malformed requests are stream errors of type PROTOCOL_ERROR, or are answered with a 4xx (section 8.1.1).
void add_malformed(std::vector<Case>& out, const std::string& name, const Fields& fields) {
  out.push_back({name, request(1, fields), {rst({kProtocol})}});
}

}  // namespace

std::vector<Case> message_cases() {
  std::vector<Case> out{
      {"8.1 trailers",
       open(1) + data(1, "x") + frame(kHeaders, kEndHeaders | kEndStream, 1, field("x-sum", "1")),
       {answer()}},
      {"8.1 trailers that do not end the stream",
       open(1) + frame(kHeaders, kEndHeaders, 1, field("x-sum", "1")),
       {rst({kProtocol})}},
      {"8.1 pseudo-fields in trailers",
       open(1) + frame(kHeaders, kEndHeaders | kEndStream, 1, field(":path", "/")),
       {rst({kProtocol})}},
      {"8.1.1 a body shorter than its length",
       open(1, with(post(), {{"content-length", "5"}})) + data(1, "abc", true),
       {rst({kProtocol})}},
      {"8.1.1 a body longer than its length",
       open(1, with(post(), {{"content-length", "2"}})) + data(1, "abc", true),
       {rst({kProtocol})}},
      {"8.1.1 no body where a length was said",
       request(1, with(post(), {{"content-length", "2"}})),
       {rst({kProtocol})}},
      {"8.1.1 a body as long as its length",
       open(1, with(post(), {{"content-length", "3"}})) + data(1, "a") + data(1, "bc", true),
       {answer()}},
      {"8.2.2 te: trailers is allowed", request(1, with(get(), {{"te", "trailers"}})), {answer()}},
      {"8.2.3 a cookie in crumbs",
       request(1, with(get(), {{"cookie", "a=1"}, {"cookie", "b=2"}})),
       {answer()}},
      {"8.3.1 OPTIONS *",
       request(1, changed(changed(get(), ":method", "OPTIONS"), ":path", "*")),
       {answer()}},
      {"8.3.1 a request without authority but with Host",
       request(1, with(without(get(), ":authority"), {{"host", "app"}})),
       {answer()}},
      {"8.5 CONNECT",
       frame(kHeaders, kEndHeaders, 1, block({{":method", "CONNECT"}, {":authority", "db:5432"}})) +
           data(1, "", true),
       {answer()}},
      {"8.1.1 the connection outlives a malformed request",
       request(1, with(get(), {{"connection", "close"}})) + request(3),
       {rst({kProtocol}), answer(3)}},
      {"10.3 more fields than a head may have are answered",
       request(1, with(get(), Fields(120, {"x-many", "1"}))),
       {answer()}},
  };
  for (const auto& [name, value] : Fields{{"connection", "close"},
                                          {"keep-alive", "5"},
                                          {"proxy-connection", "close"},
                                          {"transfer-encoding", "chunked"},
                                          {"upgrade", "h2c"}})
    add_malformed(out, "8.2.2 " + name, with(get(), {{name, value}}));
  for (const auto* te : {"gzip", "trailers, gzip", "chunked"})
    add_malformed(out, std::string("8.2.2 te: ") + te, with(get(), {{"te", te}}));
  for (const auto& name : {"X-Upper", "x-Upper", "ACCEPT"})
    add_malformed(out, std::string("8.2 name ") + name, with(get(), {{name, "1"}}));
  for (const char c : std::string(" \t\r\n\x01\x7f\x80\"(),/;<=>?@[\\]{}") + std::string(1, '\0'))
    add_malformed(out, "8.2.1 name with byte " + std::to_string(static_cast<unsigned char>(c)),
                  with(get(), {{std::string("x") + c + "y", "1"}}));
  add_malformed(out, "8.2.1 an empty name", with(get(), {{"", "1"}}));
  for (const char c : std::string("\r\n\x01\x7f") + std::string(1, '\0'))
    add_malformed(out, "8.2.1 value with byte " + std::to_string(static_cast<unsigned char>(c)),
                  with(get(), {{"x-a", std::string("a") + c + "b"}}));
  for (const auto* name : {":method", ":scheme", ":path"})
    add_malformed(out, std::string("8.3.1 without ") + name, without(get(), name));
  for (const auto& [name, value] : get())
    add_malformed(out, "8.3.1 twice " + name, with(get(), {{name, value}}));
  for (const auto& [name, value] : get()) {
    auto late = with(without(get(), name), {{"x-a", "1"}, {name, value}});
    add_malformed(out, "8.3 after a regular field " + name, late);
  }
  add_malformed(out, "8.3 an unknown pseudo-field", with({{":unknown", "1"}}, get()));
  add_malformed(out, "8.3 a pseudo-field of responses", with({{":status", "200"}}, get()));
  add_malformed(out, "8.3.1 an empty path", changed(get(), ":path", ""));
  add_malformed(out, "8.5 CONNECT with a path",
                {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}});
  add_malformed(out, "8.5 CONNECT with a scheme",
                {{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}});
  add_malformed(out, "8.5 CONNECT without authority", {{":method", "CONNECT"}});
  return out;
}

}  // namespace sluice::codec
