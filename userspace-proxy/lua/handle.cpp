// What Envoy's Lua filter gives a script: the handle, its headers and its body. They stand for the message of
// the call that runs, so one that a script kept from an earlier call shows the present one and never another
// client's memory.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "lua/sandbox.h"

namespace sluice::lua {
namespace {

constexpr const char* kHandle = "sluice.handle";
constexpr const char* kHeaders = "sluice.headers";
constexpr const char* kBody = "sluice.body";
constexpr const char* kStreamInfo = "sluice.stream_info";

std::string_view text_at(lua_State* state, int index) {
  std::size_t size = 0;
  const char* data = luaL_checklstring(state, index, &size);
  return {data, size};
}

// The message, for a method of an object of this kind.
Message& message_of(lua_State* state, const char* kind) {
  luaL_checkudata(state, 1, kind);
  Sandbox& sandbox = Sandbox::of(state);
  sandbox.pay(state, 4);
  if (sandbox.message() == nullptr) luaL_error(state, "there is no message outside of a filter's call");
  return *sandbox.message();
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_name(std::string_view name, std::string_view asked) {
  return std::ranges::equal(name, asked, {}, {}, lower);
}

bool token_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool pseudo(std::string_view name) {
  return name == ":method" || name == ":path" || name == ":authority" || name == ":scheme" ||
         name == ":status";
}

// What may stand in a head; raises an error otherwise.
void check_field(lua_State* state, std::string_view name, std::string_view value) {
  if (!pseudo(name) && (name.empty() || !std::ranges::all_of(name, token_character))) {
    luaL_error(state, "that is no name of a header");
  }
  const auto bad = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(value, bad)) luaL_error(state, "a header's value has a control character");
  if (pseudo(name) && (value.empty() || value.find_first_of(" \t") != std::string_view::npos)) {
    luaL_error(state, "that is no value for a pseudo-header");
  }
}

void check_room(lua_State* state, const Message& message, std::size_t more) {
  std::size_t bytes = more;
  for (const auto& field : message.fields) bytes += field.name.size() + field.value.size();
  if (message.fields.size() >= kFieldsMax || bytes > kFieldBytesMax) luaL_error(state, "too many headers");
}

void append(Message& message, std::string_view name, std::string_view value) {
  Field& field = message.fields.emplace_back();
  field.name.resize(name.size());
  std::ranges::transform(name, field.name.begin(), lower);
  field.value = value;
  message.changed = true;
}

// The n-th field of a name, from 0.
const Field* find_field(const Message& message, std::string_view name, lua_Integer index) {
  for (const auto& field : message.fields) {
    if (same_name(field.name, name) && index-- == 0) return &field;
  }
  return nullptr;
}

int push_field(lua_State* state, const Field* field) {
  if (field == nullptr) {
    lua_pushnil(state);
  } else {
    lua_pushlstring(state, field->value.data(), field->value.size());
  }
  return 1;
}

// All values of a name, joined by a comma as Envoy does.
int headers_get(lua_State* state) {
  const Message& message = message_of(state, kHeaders);
  const auto name = text_at(state, 2);
  int count = 0;
  for (const auto& field : message.fields) {
    if (!same_name(field.name, name)) continue;
    luaL_checkstack(state, 3, "too many headers");
    if (count++ > 0) lua_pushliteral(state, ",");
    lua_pushlstring(state, field.value.data(), field.value.size());
  }
  if (count == 0) return push_field(state, nullptr);
  lua_concat(state, 2 * count - 1);
  return 1;
}

int headers_get_at_index(lua_State* state) {
  const Message& message = message_of(state, kHeaders);
  return push_field(state, find_field(message, text_at(state, 2), luaL_checkinteger(state, 3)));
}

int headers_get_num_values(lua_State* state) {
  const Message& message = message_of(state, kHeaders);
  const auto name = text_at(state, 2);
  lua_pushinteger(state, std::ranges::count_if(message.fields, [&](const Field& field) {
                    return same_name(field.name, name);
                  }));
  return 1;
}

int headers_add(lua_State* state) {
  Message& message = message_of(state, kHeaders);
  const auto name = text_at(state, 2);
  const auto value = text_at(state, 3);
  check_field(state, name, value);
  if (pseudo(name)) return luaL_error(state, "a pseudo-header can be replaced, not added");
  check_room(state, message, name.size() + value.size());
  append(message, name, value);
  return 0;
}

int headers_replace(lua_State* state) {
  Message& message = message_of(state, kHeaders);
  const auto name = text_at(state, 2);
  const auto value = text_at(state, 3);
  check_field(state, name, value);
  check_room(state, message, name.size() + value.size());
  if (pseudo(name)) {
    const auto field = std::ranges::find(message.fields, name, &Field::name);
    if (field == message.fields.end()) return luaL_error(state, "this message has no such pseudo-header");
    field->value = value;
    message.changed = true;
    return 0;
  }
  std::erase_if(message.fields, [&](const Field& field) { return same_name(field.name, name); });
  append(message, name, value);
  return 0;
}

int headers_remove(lua_State* state) {
  Message& message = message_of(state, kHeaders);
  const auto name = text_at(state, 2);
  if (name.starts_with(':')) return luaL_error(state, "a pseudo-header cannot be removed");
  const auto gone =
      std::erase_if(message.fields, [&](const Field& field) { return same_name(field.name, name); });
  message.changed = message.changed || gone > 0;
  return 0;
}

// Upvalue: the next place. A script that changes headers while it walks them is stopped, as in Envoy.
int next_header(lua_State* state) {
  Sandbox& sandbox = Sandbox::of(state);
  sandbox.pay(state, 4);
  const auto at = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(1)));
  const auto size = static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(2)));
  if (sandbox.message() == nullptr || sandbox.message()->fields.size() != size) {
    return luaL_error(state, "headers were changed while they were walked");
  }
  if (at >= size) return 0;
  const Field& field = sandbox.message()->fields[at];
  lua_pushlstring(state, field.name.data(), field.name.size());
  lua_pushlstring(state, field.value.data(), field.value.size());
  lua_pushinteger(state, static_cast<lua_Integer>(at + 1));
  lua_replace(state, lua_upvalueindex(1));
  return 2;
}

// pairs() of headers walks them; of a table, as ever.
int pairs(lua_State* state) {
  if (lua_type(state, 1) != LUA_TUSERDATA) {
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_getglobal(state, "next");
    lua_pushvalue(state, 1);
    lua_pushnil(state);
    return 3;
  }
  const Message& message = message_of(state, kHeaders);
  lua_pushinteger(state, 0);
  lua_pushinteger(state, static_cast<lua_Integer>(message.fields.size()));
  lua_pushcclosure(state, next_header, 2);
  return 1;
}

int push_object(lua_State* state, const char* kind) {
  lua_getfield(state, LUA_REGISTRYINDEX, kind);
  lua_getfield(state, -1, "object");
  return 1;
}

int handle_headers(lua_State* state) {
  message_of(state, kHandle);
  return push_object(state, kHeaders);
}

int handle_body(lua_State* state) {
  const Message& message = message_of(state, kHandle);
  if (message.body_too_long) {
    Sandbox::of(state).verdict().missed_body = true;
    return luaL_error(state, "the body is longer than the filter's bound");
  }
  if (message.body_unread) Sandbox::of(state).stop(state, Verdict::Kind::wants_body);
  if (message.body && !message.body->empty()) return push_object(state, kBody);
  lua_pushnil(state);
  return 1;
}

int body_length(lua_State* state) {
  const Message& message = message_of(state, kBody);
  lua_pushinteger(state, static_cast<lua_Integer>(message.body ? message.body->size() : 0));
  return 1;
}

int body_get_bytes(lua_State* state) {
  const Message& message = message_of(state, kBody);
  const std::size_t have = message.body ? message.body->size() : 0;
  const lua_Integer from = luaL_checkinteger(state, 2);
  const lua_Integer size = luaL_checkinteger(state, 3);
  if (from < 0 || size < 0 || static_cast<std::size_t>(from) > have ||
      static_cast<std::size_t>(size) > have - static_cast<std::size_t>(from)) {
    return luaL_error(state, "index or length must be inside the body");
  }
  Sandbox::of(state).pay(state, static_cast<std::uint64_t>(size) / 16);
  lua_pushlstring(state, size == 0 ? "" : message.body->data() + from, static_cast<std::size_t>(size));
  return 1;
}

// respond({[":status"] = "403", name = value or {values}}, body): ends the script.
int handle_respond(lua_State* state) {
  message_of(state, kHandle);
  luaL_checktype(state, 2, LUA_TTABLE);
  const auto body = lua_isnoneornil(state, 3) ? std::string_view{} : text_at(state, 3);
  Verdict& verdict = Sandbox::of(state).verdict();
  if (body.size() > kAnswerBytesMax) return luaL_error(state, "the answer's body is too long");
  lua_getfield(state, 2, ":status");
  const lua_Integer status = lua_tointeger(state, -1);
  if (status < 200 || status > 599) return luaL_error(state, ":status must be between 200 and 599");
  lua_pop(state, 1);
  verdict.answer.clear();
  lua_pushnil(state);
  while (lua_next(state, 2) != 0) {
    if (lua_type(state, -2) != LUA_TSTRING) return luaL_error(state, "a header's name must be a string");
    const auto name = text_at(state, -2);
    if (name != ":status") {
      const auto value = text_at(state, -1);
      check_field(state, name, value);
      if (pseudo(name)) return luaL_error(state, "an answer has no other pseudo-header than :status");
      if (verdict.answer.size() >= kFieldsMax || name.size() + value.size() > kFieldBytesMax / 8) {
        return luaL_error(state, "too many headers");
      }
      verdict.answer.push_back({std::string(name), std::string(value)});
    }
    lua_pop(state, 1);
  }
  verdict.status = static_cast<std::uint16_t>(status);
  verdict.body = body;
  Sandbox::of(state).stop(state, Verdict::Kind::respond);
}

// Upvalue: the level.
int handle_log(lua_State* state) {
  message_of(state, kHandle);
  const auto said = text_at(state, 2).substr(0, kLogBytesMax);
  auto& log = Sandbox::of(state).verdict().log;
  if (log.size() >= kLogLinesMax) return 0;
  LogLine& line = log.emplace_back();
  line.level = static_cast<std::uint8_t>(lua_tointeger(state, lua_upvalueindex(1)));
  line.text.resize(said.size());
  std::ranges::transform(said, line.text.begin(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f ? '?' : c;
  });
  return 0;
}

int handle_stream_info(lua_State* state) {
  message_of(state, kHandle);
  return push_object(state, kStreamInfo);
}

int info_protocol(lua_State* state) {
  const Message& message = message_of(state, kStreamInfo);
  lua_pushlstring(state, message.protocol.data(), message.protocol.size());
  return 1;
}

int info_peer(lua_State* state) {
  const Message& message = message_of(state, kStreamInfo);
  lua_pushlstring(state, message.peer.data(), message.peer.size());
  return 1;
}

struct Method {
  const char* name;
  lua_CFunction function;
};

// A kind of object and its only instance, whose metatable no script can reach.
template <std::size_t N>
void make_kind(lua_State* state, const char* kind, const Method (&methods)[N]) {
  luaL_newmetatable(state, kind);
  lua_newtable(state);
  for (const auto& method : methods) {
    lua_pushcfunction(state, method.function);
    lua_setfield(state, -2, method.name);
  }
  lua_setfield(state, -2, "__index");
  lua_pushboolean(state, 0);
  lua_setfield(state, -2, "__metatable");
  lua_newuserdata(state, 1);
  lua_pushvalue(state, -2);
  lua_setmetatable(state, -2);
  lua_setfield(state, -2, "object");
  lua_pop(state, 1);
}

}  // namespace

void open_handle(lua_State* state) {
  make_kind(state, kHandle,
            {{"headers", handle_headers},
             {"body", handle_body},
             {"respond", handle_respond},
             {"streamInfo", handle_stream_info}});
  make_kind(state, kHeaders,
            {{"get", headers_get},
             {"getAtIndex", headers_get_at_index},
             {"getNumValues", headers_get_num_values},
             {"add", headers_add},
             {"replace", headers_replace},
             {"remove", headers_remove}});
  make_kind(state, kBody, {{"length", body_length}, {"getBytes", body_get_bytes}});
  make_kind(state, kStreamInfo,
            {{"protocol", info_protocol},
             {"downstreamRemoteAddress", info_peer},
             {"downstreamDirectRemoteAddress", info_peer}});
  constexpr const char* kLevels[] = {"logTrace", "logDebug", "logInfo", "logWarn", "logErr", "logCritical"};
  lua_getfield(state, LUA_REGISTRYINDEX, kHandle);
  lua_getfield(state, -1, "__index");
  for (int level = 0; level < 6; ++level) {
    lua_pushinteger(state, level);
    lua_pushcclosure(state, handle_log, 1);
    lua_setfield(state, -2, kLevels[level]);
  }
  lua_settop(state, 0);
  lua_pushcfunction(state, pairs);
  lua_setglobal(state, "pairs");
}

void push_handle(lua_State* state) {
  push_object(state, kHandle);
  lua_remove(state, -2);
}

}  // namespace sluice::lua
