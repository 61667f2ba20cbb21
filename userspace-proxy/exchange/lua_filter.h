// What one exchange keeps for its Lua filters: heads that they changed, and what of an answer's body was read
// so that they could see it. The steps themselves are members of Exchange (lua_filter.cpp).
#pragma once

#include <span>
#include <string>
#include <utility>

#include "codec/message_stream.h"
#include "exchange/lua_message.h"
#include "policy/table/http_image.h"

namespace sluice::exchange {

// What a script may see of a body when its filter does not say.
inline constexpr std::size_t kLuaBodyBytesMax = 64 * 1024;

struct LuaState {
  std::span<const policy::LuaFilter> filters;
  ChangedHeads heads;
  // Of the answer's body, read ahead.
  std::string answer;
  std::string answer_trailers;
  bool answer_whole = false;

  bool answer_waits() const { return !answer.empty() || answer_whole; }
  Result<codec::BodyPart> take_answer() {
    codec::BodyPart part{.data = io::Chunk::copy_of(std::as_bytes(std::span(answer))),
                         .last = std::exchange(answer_whole, false),
                         .trailers = std::move(answer_trailers)};
    answer.clear();
    return part;
  }
};

}  // namespace sluice::exchange
