// RFC 9113 sections 3 to 6: the connection's beginning, frames, their sizes, and floods of them.
#include "tests/sim/codec/h2_cases.h"
#include "tests/sim/codec/h2_frames.h"

namespace sluice::codec {

using namespace frames;

namespace {

constexpr auto kNotAnswered = Expect::Kind::not_answered;

}  // namespace

std::vector<Case> connection_cases() {
  std::vector<Case> out{
      {"3.4 preface and SETTINGS are enough", request(1), {answer()}},
      {"3.4 first frame of the client must be SETTINGS",
       preface() + request(1),
       {goaway({kProtocol}), {kNotAnswered}},
       true},
      {"3.4 the preface must be right",
       "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings() + request(1),
       {{kNotAnswered}},
       true},
      {"3.4 HTTP/1.1 is no preface", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", {{kNotAnswered}}, true},
      {"3.4 no frame before the preface", settings() + preface() + request(1), {{kNotAnswered}}, true},
      {"4.1 unknown frame types are ignored", frame(0x42, 0xff, 0, "abc") + request(1), {answer()}},
      {"4.1 unknown frame types on a stream are ignored",
       open(1) + frame(0x42, 0, 1, "abc") + data(1, "", true),
       {answer()}},
      {"4.1 unknown flags are ignored", frame(kPing, 0xf0, 0, "12345678") + request(1), {answer()}},
      {"4.1 unknown flags of HEADERS are ignored",
       frame(kHeaders, kEndHeaders | kEndStream | 0x42, 1, block(get())),
       {answer()}},
      {"4.1 the reserved bit is ignored",
       frame(kHeaders, kEndHeaders | kEndStream, 0x80000001, block(get())),
       {answer()}},
      {"4.2 DATA of the largest size",
       open(1) + data(1, std::string(16384, 'x')) + data(1, "", true),
       {answer()}},
      {"4.2 DATA above the largest size", open(1) + data(1, std::string(16385, 'x')), {goaway({kFrameSize})}},
      {"4.2 HEADERS above the largest size",
       frame(kHeaders, kEndHeaders | kEndStream, 1, block(with(get(), {{"x", std::string(17000, 'x')}}))),
       {goaway({kFrameSize}), {kNotAnswered}}},
      {"4.2 SETTINGS above the largest size", settings(std::string(16386, '\0')), {goaway({kFrameSize})}},
      {"4.2 an unknown frame above the largest size",
       frame(0x42, 0, 0, std::string(16385, 'x')),
       {goaway({kFrameSize})}},
      {"5.5 an unknown frame inside a header block",
       frame(kHeaders, kEndStream, 1, block(get())) + frame(0x42, 0, 0, "") +
           frame(kContinuation, kEndHeaders, 1, ""),
       {goaway({kProtocol}), {kNotAnswered}}},
      {"5.4.1 after an error nothing is served",
       frame(kPing, 0, 1, "12345678") + request(1),
       {goaway({kProtocol}), {kNotAnswered}}},
  };
  return out;
}

std::vector<Case> frame_cases() {
  std::vector<Case> out{
      {"6.1 DATA on stream 0", data(0, "x"), {goaway({kProtocol})}},
      {"6.1 padding",
       open(1) + frame(kData, kPadded | kEndStream, 1, std::string("\x03x\0\0\0", 5)),
       {answer()}},
      {"6.1 padding as long as the payload",
       open(1) + frame(kData, kPadded | kEndStream, 1, std::string("\x05x\0\0\0", 5)),
       {goaway({kProtocol})}},
      {"6.1 padding longer than the payload",
       open(1) + frame(kData, kPadded, 1, "\xffx"),
       {goaway({kProtocol})}},
      {"6.1 padded without a length",
       open(1) + frame(kData, kPadded, 1, ""),
       {goaway({kProtocol, kFrameSize})}},
      {"6.2 HEADERS on stream 0",
       frame(kHeaders, kEndHeaders | kEndStream, 0, block(get())),
       {goaway({kProtocol})}},
      {"6.2 padded HEADERS",
       frame(kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\x02" + block(get()) + std::string(2, '\0')),
       {answer()}},
      {"6.2 padding as long as the payload",
       frame(kHeaders, kEndHeaders | kEndStream | kPadded, 1, "\xf0" + block(get())),
       {goaway({kProtocol})}},
      {"6.2 HEADERS with priority",
       frame(kHeaders, kEndHeaders | kEndStream | kWithPriority, 1, number(0, 4) + "\x10" + block(get())),
       {answer()}},
      {"6.3 PRIORITY on stream 0", frame(kPriority, 0, 0, number(0, 4) + "\x10"), {goaway({kProtocol})}},
      {"6.4 RST_STREAM on stream 0", frame(kRst, 0, 0, number(kCancel, 4)), {goaway({kProtocol})}},
      {"6.5 SETTINGS are acknowledged",
       settings(setting(3, 100)) + settings(),
       {{Expect::Kind::settings_acks, {}, 0, {}, 3}}},
      {"6.5 unknown settings are ignored", settings(setting(0x4242, 7)) + request(1), {answer()}},
      {"6.5 an acknowledgement with a payload",
       frame(kSettings, kAck, 0, setting(3, 1)),
       {goaway({kFrameSize})}},
      {"6.5 SETTINGS on a stream", frame(kSettings, 0, 1, setting(3, 1)), {goaway({kProtocol})}},
      {"6.5 the last value counts", settings(setting(4, 1) + setting(4, 65535)) + request(1), {answer()}},
      {"6.5.2 ENABLE_PUSH 0", settings(setting(2, 0)) + request(1), {answer()}},
      {"6.5.2 ENABLE_PUSH 2", settings(setting(2, 2)), {goaway({kProtocol})}},
      {"6.5.2 INITIAL_WINDOW_SIZE of 2^31", settings(setting(4, 0x80000000)), {goaway({kFlowControl})}},
      {"6.5.2 INITIAL_WINDOW_SIZE of 2^31-1", settings(setting(4, 0x7fffffff)) + request(1), {answer()}},
      {"6.5.2 MAX_FRAME_SIZE below 2^14", settings(setting(5, 16383)), {goaway({kProtocol})}},
      {"6.5.2 MAX_FRAME_SIZE of 2^24", settings(setting(5, 1U << 24)), {goaway({kProtocol})}},
      {"6.5.2 MAX_FRAME_SIZE of 2^24-1", settings(setting(5, (1U << 24) - 1)) + request(1), {answer()}},
      {"6.5.2 HEADER_TABLE_SIZE 0", settings(setting(1, 0)) + request(1), {answer()}},
      {"6.6 PUSH_PROMISE from a client",
       frame(kPush, kEndHeaders, 1, number(2, 4) + block(get())),
       {goaway({kProtocol})}},
      {"6.6 PUSH_PROMISE on an open stream",
       open(1) + frame(kPush, kEndHeaders, 1, number(2, 4) + block(get())),
       {goaway({kProtocol})}},
      {"6.7 PING is answered with its payload",
       frame(kPing, 0, 0, "abcdefgh"),
       {{Expect::Kind::ping_ack, {}, 0, "abcdefgh"}}},
      {"6.7 an acknowledged PING needs no answer",
       frame(kPing, kAck, 0, "abcdefgh") + request(1),
       {answer()}},
      {"6.7 PING on a stream", frame(kPing, 0, 1, "abcdefgh"), {goaway({kProtocol})}},
      {"6.8 GOAWAY on a stream", frame(kGoaway, 0, 1, number(0, 8)), {goaway({kProtocol})}},
      {"6.8 what was asked before GOAWAY is answered",
       request(1) + frame(kGoaway, 0, 0, number(0, 8)),
       {answer()}},
      {"6.9 no increment on the connection", frame(kWindow, 0, 0, number(0, 4)), {goaway({kProtocol})}},
      {"6.9 no increment on a stream", open(1) + frame(kWindow, 0, 1, number(0, 4)), {rst({kProtocol})}},
      {"6.9.1 the connection's window above 2^31-1",
       frame(kWindow, 0, 0, number(0x7fffffff, 4)),
       {goaway({kFlowControl})}},
      {"6.9.1 a stream's window above 2^31-1",
       open(1) + frame(kWindow, 0, 1, number(0x7fffffff, 4)),
       {rst({kFlowControl})}},
      {"6.9.2 a window above 2^31-1 by SETTINGS",
       open(1) + frame(kWindow, 0, 1, number(0x70000000, 4)) + settings(setting(4, 0x7fffffff)),
       {goaway({kFlowControl})}},
      {"6.9.2 a window may become negative",
       settings(setting(4, 10)) + open(1) + settings(setting(4, 0)) + data(1, "", true) +
           frame(kWindow, 0, 1, number(100, 4)),
       {answer()}},
  };
  return out;
}

// Frames of a fixed size in other sizes.

std::vector<Case> size_cases() {
  std::vector<Case> out;
  for (const std::size_t size : {0, 3, 5, 8})
    out.push_back({"6.4 RST_STREAM of " + std::to_string(size) + " bytes",
                   open(1) + frame(kRst, 0, 1, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {1, 5, 7, 11})
    out.push_back({"6.5 SETTINGS of " + std::to_string(size) + " bytes",
                   settings(std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 7, 9, 16})
    out.push_back({"6.7 PING of " + std::to_string(size) + " bytes",
                   frame(kPing, 0, 0, std::string(size, 'x')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 3, 5, 8})
    out.push_back({"6.9 WINDOW_UPDATE of " + std::to_string(size) + " bytes",
                   frame(kWindow, 0, 0, std::string(size, '\1')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 4, 7})
    out.push_back({"6.8 GOAWAY of " + std::to_string(size) + " bytes",
                   frame(kGoaway, 0, 0, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  for (const std::size_t size : {0, 4, 6})
    out.push_back({"6.3 PRIORITY of " + std::to_string(size) + " bytes",
                   open(1) + frame(kPriority, 0, 1, std::string(size, '\0')),
                   {goaway({kFrameSize})}});
  return out;
}

// Frames that cost their receiver more than their sender.

std::vector<Case> flood_cases() {
  std::vector<Case> out;
  std::string pings;
  std::string empties = open(1);
  std::string changes;
  for (int i = 0; i < 100; ++i) {
    pings += frame(kPing, 0, 0, "12345678");
    empties += data(1, "");
    changes += settings(setting(3, 100));
  }
  out.push_back({"10.5 PING without end", pings, {goaway({kCalm})}});
  out.push_back({"10.5 empty DATA without end", empties, {goaway({kCalm})}});
  out.push_back({"10.5 SETTINGS without end", changes, {goaway({kCalm})}});
  return out;
}

}  // namespace sluice::codec
