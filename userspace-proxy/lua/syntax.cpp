#include "lua/syntax.h"

#include <luajit-2.1/lua.hpp>

#include <memory>
#include <utility>

#include "lua/capped_memory.h"
#include "lua/script.h"

namespace sluice::lua {
namespace {

constexpr std::size_t kProblemBytesMax = 300;

struct Source {
  std::string_view left;
  CappedMemory memory{ScriptLimits{}.memory};

  static const char* read(lua_State* /*state*/, void* self, std::size_t* size) {
    auto& source = *static_cast<Source*>(self);
    *size = source.left.size();
    return std::exchange(source.left, {}).data();
  }
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
    return static_cast<Source*>(self)->memory.allocate(block, old_size, new_size);
  }
};

// The compiler says "script:3: what".
std::string as_line(std::string_view message) {
  const std::string_view chunk = "script:";
  if (!message.starts_with(chunk)) return std::string(message);
  return "line " + std::string(message.substr(chunk.size()));
}

}  // namespace

std::string syntax_problem(std::string_view code) {
  if (code.starts_with(LUA_SIGNATURE[0]))
    return "it is bytecode, which could break the machine: give the text";
  Source source{code};
  const std::unique_ptr<lua_State, decltype(&lua_close)> state(lua_newstate(Source::allocate, &source),
                                                               &lua_close);
  if (!state) return "no memory for a Lua state";
  // Protected: an error while it compiles is a result, that of memory too.
  if (lua_loadx(state.get(), Source::read, &source, "=script", "t") == 0) return {};
  const char* message = lua_tostring(state.get(), -1);
  return message == nullptr ? "no message" : as_line(message).substr(0, kProblemBytesMax);
}

}  // namespace sluice::lua
