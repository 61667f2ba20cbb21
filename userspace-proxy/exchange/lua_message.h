// A head as a Lua filter sees it, and the head that it made of it. A head that a script has changed is
// written anew and read like one from the wire, so nothing gets through that a peer could not have sent.
// Where the message ends, and what belongs to the hop, no script can change.
#pragma once

#include <deque>
#include <expected>
#include <string>
#include <string_view>

#include "http/head_reader.h"
#include "http/request.h"
#include "http/response.h"
#include "lua/message.h"

namespace sluice::exchange {

// The client's own fields, without Host, which is :authority. A CONNECT has no :path.
lua::Message message_of(const http::Request& request);
lua::Message message_of(const http::Response& response);

// Heads that scripts have changed; what was read from them borrows from here.
class ChangedHeads {
 public:
  // The error says why the script may not do this.
  std::expected<http::Request, std::string> request(const lua::Message& message,
                                                    const http::Request& original);
  std::expected<http::Response, std::string> response(const lua::Message& message,
                                                      const http::Response& original, http::Asked asked);

 private:
  struct Head {
    explicit Head(http::HeadReader::Kind kind) : reader(kind) {}
    std::string text;
    http::HeadReader reader;
  };
  std::deque<Head> heads_;
};

// The lines of a script's own answer, names in lower case; the error says why they cannot be one.
std::expected<std::string, std::string> answer_fields(const lua::Verdict& verdict, bool connect);

}  // namespace sluice::exchange
