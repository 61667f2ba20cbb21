#include "lua/sandbox.h"

#include <luajit-2.1/luajit.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace sluice::lua {
namespace {

// Everything else of these libraries is taken away again.
constexpr const char* kGlobals[] = {
    "assert", "error",        "ipairs",       "next",     "rawequal", "rawget", "rawset",
    "select", "setmetatable", "getmetatable", "tonumber", "tostring", "type",   "unpack",
    "string", "table",        "math",         "_VERSION", "_G"};
constexpr const char* kMath[] = {"abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh",
                                 "deg",   "exp",  "floor", "fmod", "frexp", "huge", "ldexp", "log",
                                 "log10", "max",  "min",   "modf", "pi",    "pow",  "rad",   "random",
                                 "sin",   "sinh", "sqrt",  "tan",  "tanh"};
// Library functions whose work grows with what they are given: they pay for it first.
constexpr const char* kTable[] = {"concat", "insert", "maxn", "remove", "sort"};

bool among(const char* name, const char* const* list, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (std::string_view(name) == list[i]) return true;
  }
  return false;
}

// Keeps of the table at `index` only the named keys.
void keep_only(lua_State* state, int index, const char* const* list, std::size_t size) {
  lua_pushnil(state);
  while (lua_next(state, index) != 0) {
    lua_pop(state, 1);
    if (lua_type(state, -1) == LUA_TSTRING && among(lua_tostring(state, -1), list, size)) continue;
    lua_pushvalue(state, -1);
    lua_pushnil(state);
    lua_rawset(state, index);
  }
}

// pcall that cannot catch the end of a budget: such errors go on to the outermost call.
int safe_pcall(lua_State* state) {
  luaL_checkany(state, 1);
  auto& sandbox = Sandbox::of(state);
  const int depth = sandbox.depth();
  sandbox.enter(state);
  const int result = lua_pcall(state, lua_gettop(state) - 1, LUA_MULTRET, 0);
  sandbox.set_depth(depth);
  if (sandbox.stopped()) return lua_error(state);
  lua_pushboolean(state, result == 0 ? 1 : 0);
  lua_insert(state, 1);
  return lua_gettop(state);
}

void open_library(lua_State* state, const char* name, lua_CFunction open) {
  lua_pushcfunction(state, open);
  lua_pushstring(state, name);
  lua_call(state, 1, 0);
}

}  // namespace

int charged(lua_State* state) {
  std::uint64_t cost = 8;
  const int arguments = lua_gettop(state);
  for (int i = 1; i <= arguments; ++i) {
    const int type = lua_type(state, i);
    if (type == LUA_TSTRING) cost += lua_objlen(state, i) / 16;
    if (type == LUA_TTABLE) cost += lua_objlen(state, i) * 4;
  }
  auto& sandbox = Sandbox::of(state);
  sandbox.pay(state, cost);
  sandbox.enter(state);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, arguments, LUA_MULTRET);
  sandbox.leave();
  return lua_gettop(state);
}

Sandbox::~Sandbox() {
  if (state_ == nullptr) return;
  stopped_ = false;
  lua_close(state_);
}

Sandbox& Sandbox::of(lua_State* state) {
  void* self = nullptr;
  lua_getallocf(state, &self);
  return *static_cast<Sandbox*>(self);
}

void* Sandbox::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  return static_cast<Sandbox*>(self)->memory_.allocate(block, old_size, new_size);
}

void Sandbox::on_count(lua_State* state, lua_Debug* /*debug*/) {
  of(state).pay(state, kHookStep);
}

void Sandbox::pay(lua_State* state, std::uint64_t cost) {
  if (stopped_) lua_error(state);
  if (memory_.refused()) stop(state, Verdict::Kind::memory);  // a pcall caught the error
  const bool late = limits_.clock != nullptr && limits_.clock->now() >= deadline_;
  if (late || cost > budget_) stop(state, Verdict::Kind::overrun);
  budget_ -= cost;
}

void Sandbox::enter(lua_State* state) {
  if (++depth_ > kNestingMax) luaL_error(state, "calls nested too deep");
}

void Sandbox::stop(lua_State* state, Verdict::Kind kind) {
  if (!stopped_) {
    stopped_ = true;
    verdict_.kind = kind;
    // Whatever of the script still runs on the way out meets the hook at once.
    lua_sethook(state, on_count, LUA_MASKCOUNT, 1);
  }
  lua_pushnil(state);
  lua_error(state);
  std::abort();  // lua_error does not return
}

Verdict Sandbox::start(std::string_view name, std::string_view code) {
  state_ = lua_newstate(allocate, this);
  Verdict verdict;
  if (state_ == nullptr) {
    verdict.kind = Verdict::Kind::memory;
    verdict.problem = "no memory for a Lua state";
    return verdict;
  }
  Call call{this, nullptr, name, code};
  return run(run_start, call, nullptr);
}

int Sandbox::run_start(lua_State* state) {
  const auto& call = *static_cast<const Call*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  luaJIT_setmode(state, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  open_safe_libraries(state);
  open_strings(state);
  open_handle(state);
  struct Source {
    std::string_view left;
    static const char* read(lua_State* /*state*/, void* self, std::size_t* size) {
      auto& source = *static_cast<Source*>(self);
      *size = source.left.size();
      return std::exchange(source.left, {}).data();
    }
  } source{call.code};
  char chunk[64] = "=";
  call.name.copy(chunk + 1, sizeof chunk - 2);
  // Text only: bytecode could break the machine.
  if (lua_loadx(state, Source::read, &source, chunk, "t") != 0) return lua_error(state);
  lua_call(state, 0, 0);
  return 0;
}

bool Sandbox::has(const char* function) {
  // The name is there already if the script defined it, so no memory is asked for; still, in protected mode.
  Call call{this, function, {}, {}};
  const auto look = [](lua_State* state) -> int {
    const auto& asked = *static_cast<const Call*>(lua_touserdata(state, 1));
    lua_getglobal(state, asked.function);
    if (lua_isfunction(state, -1)) return 0;
    lua_pushliteral(state, "none");
    return lua_error(state);
  };
  return run(look, call, nullptr).kind == Verdict::Kind::go_on;
}

Verdict Sandbox::call(const char* function, Message& message) {
  Call asked{this, function, {}, {}};
  return run(run_call, asked, &message);
}

int Sandbox::run_call(lua_State* state) {
  const auto& call = *static_cast<const Call*>(lua_touserdata(state, 1));
  lua_settop(state, 0);
  // What calls before left over does not count against this one.
  if (call.sandbox->memory_.above_half()) lua_gc(state, LUA_GCCOLLECT, 0);
  lua_getglobal(state, call.function);
  if (!lua_isfunction(state, -1)) return 0;
  push_handle(state);
  lua_call(state, 1, 0);
  return 0;
}

Verdict Sandbox::run(lua_CFunction body, Call& call, Message* message) {
  verdict_ = {};
  stopped_ = false;
  memory_.forget_refusal();
  depth_ = 0;
  message_ = message;
  budget_ = limits_.instructions;
  if (limits_.clock != nullptr) deadline_ = limits_.clock->now() + limits_.time;
  lua_sethook(state_, on_count, LUA_MASKCOUNT, static_cast<int>(kHookStep));
  judge(lua_cpcall(state_, body, &call));
  lua_settop(state_, 0);
  message_ = nullptr;
  return std::move(verdict_);
}

void Sandbox::judge(int result) {
  if (stopped_) {
    if (verdict_.kind == Verdict::Kind::overrun) verdict_.problem = "instruction or time budget used up";
  } else if (result == LUA_ERRMEM || memory_.refused()) {
    verdict_.kind = Verdict::Kind::memory;
  } else if (result != 0) {
    verdict_.kind = Verdict::Kind::failed;
    std::size_t size = 0;
    // Not lua_tolstring of a number: converting would allocate.
    const bool text = lua_type(state_, -1) == LUA_TSTRING;
    const char* said = text ? lua_tolstring(state_, -1, &size) : nullptr;
    verdict_.problem = text ? std::string(said, std::min<std::size_t>(size, 300)) : "error without a text";
  }
  if (verdict_.kind == Verdict::Kind::memory) verdict_.problem = "memory cap reached";
}

void open_safe_libraries(lua_State* state) {
  open_library(state, "", luaopen_base);
  open_library(state, LUA_STRLIBNAME, luaopen_string);
  open_library(state, LUA_TABLIBNAME, luaopen_table);
  open_library(state, LUA_MATHLIBNAME, luaopen_math);
  keep_only(state, LUA_GLOBALSINDEX, kGlobals, std::size(kGlobals));
  lua_getglobal(state, LUA_MATHLIBNAME);
  keep_only(state, lua_gettop(state), kMath, std::size(kMath));
  lua_getglobal(state, LUA_TABLIBNAME);
  keep_only(state, lua_gettop(state), kTable, std::size(kTable));
  for (const char* name : kTable) {
    lua_getfield(state, -1, name);
    lua_pushcclosure(state, charged, 1);
    lua_setfield(state, -2, name);
  }
  lua_settop(state, 0);
  for (const char* name : {"unpack", "tostring", "tonumber"}) {
    lua_getglobal(state, name);
    lua_pushcclosure(state, charged, 1);
    lua_setglobal(state, name);
  }
  lua_pushcfunction(state, safe_pcall);
  lua_setglobal(state, "pcall");
}

}  // namespace sluice::lua
