#include "exchange/local_answer.h"

#include <cstdlib>

#include "http/forward.h"

namespace sluice::exchange {

LocalAnswer::LocalAnswer(std::uint16_t status, std::string_view text, std::string_view fields,
                         http::Asked asked)
    : text_(status == 204 || status == 304 ? std::string_view() : text) {
  head_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(http::reason_phrase(status));
  head_.append("\r\n").append(fields);
  const bool typed = fields.starts_with("content-type:") || fields.contains("\ncontent-type:");
  if (!text_.empty() && !typed) head_.append("content-type: text/plain\r\n");
  if (status != 204) head_.append("content-length: ").append(std::to_string(text_.size())).append("\r\n");
  head_.append("\r\n");
  if (asked.head) text_.clear();
  // Of a CONNECT nothing of ours is a tunnel.
  const auto read = http::read_response(reader_, head_, {.head = asked.head});
  if (!read || !*read) std::abort();  // what is written above is an answer
  response_ = **read;
}

}  // namespace sluice::exchange
