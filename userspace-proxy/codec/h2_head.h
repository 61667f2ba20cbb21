// Between the fields of an HTTP/2 header block and the text of an HTTP/1.1 head (RFC 9113 section 8). What
// comes in is judged by the same strict reader as an HTTP/1.1 head, so no field can mean two things.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/edits.h"
#include "http/head_reader.h"
#include "http/request.h"
#include "http/response.h"

namespace sluice::codec {

// Collects one header block. Names are lower case and values have no control characters: nghttp2 has looked.
class HeadText {
 public:
  // False: the block is malformed (RFC 9113 section 8.1.1).
  bool add(std::string_view name, std::string_view value);
  // Longer than an HTTP/1.1 head may be; what came after that was not kept.
  bool too_large() const { return too_large_; }
  std::uint16_t status() const { return status_; }
  bool is_connect() const { return method_ == "CONNECT"; }

  // `ends`: no body follows. The text says how long the body is as an HTTP/1.1 head would.
  std::string request_text(bool ends) const;
  std::string response_text(bool ends, http::Asked asked) const;
  // Field lines without an empty one. Pseudo-fields are malformed there, and so was the block.
  std::string trailer_text() && { return std::move(fields_); }
  bool has_pseudo_fields() const { return !method_.empty() || status_ != 0 || !path_.empty(); }

 private:
  bool add_pseudo(std::string_view name, std::string_view value);
  bool add_field(std::string_view name, std::string_view value);

  std::string method_;
  std::string authority_;
  std::string path_;
  std::string host_;
  std::string cookies_;  // crumbs joined (RFC 9113 section 8.2.3)
  std::string fields_;
  std::uint16_t status_ = 0;
  bool has_length_ = false;
  bool too_large_ = false;
};

// Fields as they go into a header block: names in lower case, without what belongs to one hop.
class FieldBlock {
 public:
  void add(std::string_view name, std::string_view value);
  // `ends`: an explicit length of zero says nothing more and is left out.
  void add_request(const http::Request& request, const http::Edits& edits);
  void add_response(const http::Response& response, const http::Edits& edits, bool ends);
  void add_trailers(std::string_view lines);

  std::size_t size() const { return places_.size(); }
  std::string_view name(std::size_t i) const { return view(places_[i].name_at, places_[i].name_size); }
  std::string_view value(std::size_t i) const { return view(places_[i].value_at, places_[i].value_size); }

 private:
  struct Place {
    std::size_t name_at, name_size, value_at, value_size;
  };
  std::string_view view(std::size_t at, std::size_t size) const {
    return std::string_view(text_).substr(at, size);
  }
  void add_fields(std::string_view head, const http::FieldList& fields, const http::Edits& edits,
                  bool drop_zero_length);

  std::string text_;
  std::vector<Place> places_;
};

}  // namespace sluice::codec
