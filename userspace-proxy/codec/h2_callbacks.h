// What nghttp2 reports to an H2Connection. A callback returns 0, or an nghttp2 error that ends the stream
// (NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE) or the connection (NGHTTP2_ERR_CALLBACK_FAILURE).
#pragma once

#include <nghttp2/nghttp2.h>

#include "codec/h2_connection.h"

namespace sluice::codec {

struct H2Callbacks {
  static void install(nghttp2_session_callbacks* callbacks);
  // Of the data provider: how much of a stream's output goes into the next DATA frame.
  static ssize_t next_data(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                           std::size_t length, std::uint32_t* flags, nghttp2_data_source* source, void* user);
  static std::vector<nghttp2_nv> list(const FieldBlock& fields);

 private:
  static H2Connection& of(void* user) { return *static_cast<H2Connection*>(user); }
  static void head_complete(H2Connection& connection, H2StreamState& stream, bool ends);
  static void request_complete(H2Connection& connection, H2StreamState& stream, bool ends);
  static void answer_complete(H2Connection& connection, H2StreamState& stream, bool ends);
  static void refuse(H2Connection& connection, H2StreamState& stream, std::uint16_t status);
  static bool reset_too_often(H2Connection& connection, H2StreamId id);
  static bool skipped_earlier(const H2Connection& connection, H2StreamId id);
  static int malformed(H2Connection& connection, const nghttp2_frame* frame);
  static void trailers_complete(H2Connection& connection, H2StreamState& stream);
  static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t flags, void* user);
  static int invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                            std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                            std::uint8_t flags, void* user);
  static int frame_begun(nghttp2_session* session, const nghttp2_frame_hd* header, void* user);
  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int data_received(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                           const std::uint8_t* data, std::size_t size, void* user);
  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* frame_header,
                       std::size_t length, nghttp2_data_source* source, void* user);
  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int stream_closed(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* user);
};

}  // namespace sluice::codec
