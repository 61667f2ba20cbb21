// The string library with bounds: every function pays for its work, patterns are matched by pattern.h.
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "lua/pattern.h"
#include "lua/sandbox.h"

namespace sluice::lua {
namespace {

std::string_view text_at(lua_State* state, int index) {
  std::size_t size = 0;
  const char* data = luaL_checklstring(state, index, &size);
  return {data, size};
}

// Lua's index: from 1, negative from the end; brought into [1, size + 1].
std::size_t start_at(lua_State* state, int index, std::size_t size) {
  lua_Integer start = luaL_optinteger(state, index, 1);
  const auto last = static_cast<lua_Integer>(size);
  if (start < 0) start = start < -last ? 1 : last + start + 1;
  if (start < 1) start = 1;
  return static_cast<std::size_t>(start > last + 1 ? last + 1 : start);
}

Match search(lua_State* state, std::string_view text, std::string_view pattern, std::size_t from) {
  auto& sandbox = Sandbox::of(state);
  sandbox.pay(state, 1 + pattern.size() / 16);
  const Match match = find_pattern(text, pattern, from, sandbox.budget());
  if (match.kind == Match::Kind::overrun) sandbox.stop(state, Verdict::Kind::overrun);
  if (match.kind == Match::Kind::malformed) luaL_error(state, "%s", match.problem);
  sandbox.pay(state, 0);  // the deadline
  return match;
}

void push_capture(lua_State* state, std::string_view text, const Match& match, std::size_t index) {
  if (index == 0 && match.captures == 0) {
    lua_pushlstring(state, text.data() + match.begin, match.end - match.begin);
    return;
  }
  if (index >= match.captures) luaL_error(state, "invalid capture index");
  const Capture& capture = match.capture[index];
  if (capture.position) {
    lua_pushinteger(state, static_cast<lua_Integer>(capture.at + 1));
  } else {
    lua_pushlstring(state, text.data() + capture.at, capture.size);
  }
}

int push_captures(lua_State* state, std::string_view text, const Match& match, bool whole) {
  const std::size_t count = match.captures == 0 && whole ? 1 : match.captures;
  luaL_checkstack(state, static_cast<int>(count), "too many captures");
  for (std::size_t i = 0; i < count; ++i) push_capture(state, text, match, i);
  return static_cast<int>(count);
}

int find_plain(lua_State* state, std::string_view text, std::string_view wanted, std::size_t from) {
  // Quadratic at worst, and paid for as such when both are long.
  Sandbox::of(state).pay(state, 1 + (text.size() - from) / 16 * (1 + wanted.size() / 64));
  const std::size_t at = text.find(wanted, from);
  if (at == std::string_view::npos) {
    lua_pushnil(state);
    return 1;
  }
  lua_pushinteger(state, static_cast<lua_Integer>(at + 1));
  lua_pushinteger(state, static_cast<lua_Integer>(at + wanted.size()));
  return 2;
}

int find(lua_State* state) {
  const auto text = text_at(state, 1);
  const auto pattern = text_at(state, 2);
  const std::size_t from = start_at(state, 3, text.size()) - 1;
  if (lua_toboolean(state, 4) != 0 || is_plain(pattern)) return find_plain(state, text, pattern, from);
  const Match match = search(state, text, pattern, from);
  if (match.kind == Match::Kind::none) {
    lua_pushnil(state);
    return 1;
  }
  lua_pushinteger(state, static_cast<lua_Integer>(match.begin + 1));
  lua_pushinteger(state, static_cast<lua_Integer>(match.end));
  return 2 + push_captures(state, text, match, false);
}

int match_one(lua_State* state) {
  const auto text = text_at(state, 1);
  const auto pattern = text_at(state, 2);
  const Match match = search(state, text, pattern, start_at(state, 3, text.size()) - 1);
  if (match.kind == Match::Kind::found) return push_captures(state, text, match, true);
  lua_pushnil(state);
  return 1;
}

// Upvalues: text, pattern, where to go on.
int next_match(lua_State* state) {
  const auto text = text_at(state, lua_upvalueindex(1));
  const auto pattern = text_at(state, lua_upvalueindex(2));
  const auto from = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(3)));
  if (from > text.size()) return 0;
  // '^' means itself here; an anchor would never end.
  const Match match = search(state, text, pattern, from);
  if (match.kind == Match::Kind::none) return 0;
  const std::size_t next = match.end == match.begin ? match.end + 1 : match.end;
  lua_pushinteger(state, static_cast<lua_Integer>(next));
  lua_replace(state, lua_upvalueindex(3));
  return push_captures(state, text, match, true);
}

int gmatch(lua_State* state) {
  text_at(state, 1);
  if (text_at(state, 2).starts_with('^')) return luaL_error(state, "gmatch takes no anchored pattern");
  lua_settop(state, 2);
  lua_pushinteger(state, 0);
  lua_pushcclosure(state, next_match, 3);
  return 1;
}

// What stands for a match in gsub's result: the replacement is at index 3.
void add_replacement(lua_State* state, luaL_Buffer& buffer, std::string_view text, const Match& match) {
  const int type = lua_type(state, 3);
  if (type == LUA_TNUMBER || type == LUA_TSTRING) {
    const auto with = text_at(state, 3);
    Sandbox::of(state).pay(state, 1 + with.size() / 16);
    for (std::size_t i = 0; i < with.size(); ++i) {
      if (with[i] != '%') {
        luaL_addchar(&buffer, with[i]);
        continue;
      }
      const char c = ++i < with.size() ? with[i] : '\0';
      if (c == '%') {
        luaL_addchar(&buffer, '%');
      } else if (c == '0') {
        luaL_addlstring(&buffer, text.data() + match.begin, match.end - match.begin);
      } else if (c >= '1' && c <= '9') {
        push_capture(state, text, match, static_cast<std::size_t>(c - '1'));
        luaL_addvalue(&buffer);
      } else {
        luaL_error(state, "invalid use of '%%' in replacement string");
      }
    }
    return;
  }
  if (type == LUA_TTABLE) {
    push_capture(state, text, match, 0);
    lua_gettable(state, 3);
  } else {
    lua_pushvalue(state, 3);
    // Each level has a buffer on the C stack.
    Sandbox::of(state).enter(state);
    lua_call(state, push_captures(state, text, match, true), 1);
    Sandbox::of(state).leave();
  }
  if (lua_toboolean(state, -1) == 0) {
    lua_pop(state, 1);
    lua_pushlstring(state, text.data() + match.begin, match.end - match.begin);
  } else if (lua_isstring(state, -1) == 0) {
    luaL_error(state, "invalid replacement value (a %s)", luaL_typename(state, -1));
  }
  luaL_addvalue(&buffer);
}

int gsub(lua_State* state) {
  const auto text = text_at(state, 1);
  const auto pattern = text_at(state, 2);
  const int type = lua_type(state, 3);
  luaL_argcheck(state,
                type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE || type == LUA_TFUNCTION, 3,
                "string/function/table expected");
  const lua_Integer most = luaL_optinteger(state, 4, static_cast<lua_Integer>(text.size()) + 1);
  luaL_Buffer buffer;
  luaL_buffinit(state, &buffer);
  std::size_t at = 0;
  lua_Integer count = 0;
  while (count < most && at <= text.size()) {
    const Match match = search(state, text, pattern, at);
    if (match.kind == Match::Kind::none) break;
    ++count;
    luaL_addlstring(&buffer, text.data() + at, match.begin - at);
    add_replacement(state, buffer, text, match);
    at = match.end;
    if (match.end == match.begin) {
      if (at < text.size()) luaL_addchar(&buffer, text[at]);
      ++at;
    }
    if (pattern.starts_with('^')) break;
  }
  if (at < text.size()) luaL_addlstring(&buffer, text.data() + at, text.size() - at);
  luaL_pushresult(&buffer);
  lua_pushinteger(state, count);
  return 2;
}

int rep(lua_State* state) {
  const auto text = text_at(state, 1);
  const lua_Integer times = luaL_checkinteger(state, 2);
  if (times <= 0 || text.empty()) {
    lua_pushliteral(state, "");
    return 1;
  }
  auto& sandbox = Sandbox::of(state);
  if (static_cast<std::uint64_t>(times) > sandbox.limits().memory / text.size()) {
    sandbox.stop(state, Verdict::Kind::memory);
  }
  sandbox.pay(state, 1 + text.size() * static_cast<std::uint64_t>(times) / 16);
  luaL_Buffer buffer;
  luaL_buffinit(state, &buffer);
  for (lua_Integer i = 0; i < times; ++i) luaL_addlstring(&buffer, text.data(), text.size());
  luaL_pushresult(&buffer);
  return 1;
}

}  // namespace

// A table of our own takes the library's place, for the methods of strings too.
void open_strings(lua_State* state) {
  lua_newtable(state);
  lua_getglobal(state, LUA_STRLIBNAME);
  for (const char* name : {"byte", "char", "format", "len", "lower", "reverse", "sub", "upper"}) {
    lua_getfield(state, -1, name);
    lua_pushcclosure(state, charged, 1);
    lua_setfield(state, -3, name);
  }
  lua_pop(state, 1);
  constexpr std::array<std::pair<const char*, lua_CFunction>, 5> kOwn = {
      {{"find", find}, {"match", match_one}, {"gmatch", gmatch}, {"gsub", gsub}, {"rep", rep}}};
  for (const auto& [name, function] : kOwn) {
    lua_pushcfunction(state, function);
    lua_setfield(state, -2, name);
  }
  lua_pushliteral(state, "");
  lua_newtable(state);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_pushboolean(state, 0);
  lua_setfield(state, -2, "__metatable");
  lua_setmetatable(state, -2);
  lua_pop(state, 1);
  lua_setglobal(state, LUA_STRLIBNAME);
  lua_settop(state, 0);
}

}  // namespace sluice::lua
