// One LuaJIT state that cannot do harm: no JIT (hooks do not fire in compiled code), no library that reaches
// outside, an allocator with a cap, a budget that VM instructions and our C functions both pay from, and a
// deadline as the second line. Internal to this folder.
#pragma once

#include <luajit-2.1/lua.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lua/capped_memory.h"
#include "lua/message.h"
#include "lua/script.h"

namespace sluice::lua {

class Sandbox {
 public:
  explicit Sandbox(const ScriptLimits& limits) : limits_(limits) {}
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Makes the state and runs the script's main chunk, which defines its functions. What went wrong, or go_on.
  Verdict start(std::string_view name, std::string_view code);
  // Calls a global function with the handle; go_on when there is none.
  Verdict call(const char* function, Message& message);
  bool has(const char* function);
  std::size_t memory() const { return memory_.used(); }

  // For the C functions of the sandbox.
  static Sandbox& of(lua_State* state);
  Message* message() const { return message_; }
  Verdict& verdict() { return verdict_; }
  // Takes `cost` off the budget, or ends the script: then it does not return. Nothing with a destructor may
  // live in the caller's frame, here and wherever Lua may raise an error.
  void pay(lua_State* state, std::uint64_t cost);
  std::uint64_t& budget() { return budget_; }
  // Ends the script for good: no pcall catches this.
  [[noreturn]] void stop(lua_State* state, Verdict::Kind kind);
  // Calls from C into Lua nest so deep at most: the C stack is not Lua's.
  void enter(lua_State* state);
  void leave() { --depth_; }
  int depth() const { return depth_; }
  void set_depth(int depth) { depth_ = depth; }
  bool stopped() const { return stopped_; }
  const ScriptLimits& limits() const { return limits_; }

 private:
  struct Call {
    Sandbox* sandbox;
    const char* function;
    std::string_view name;
    std::string_view code;
  };
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  static void on_count(lua_State* state, lua_Debug* debug);
  static int run_start(lua_State* state);
  static int run_call(lua_State* state);
  Verdict run(lua_CFunction body, Call& call, Message* message);
  void judge(int result);

  const ScriptLimits limits_;
  lua_State* state_ = nullptr;
  CappedMemory memory_{limits_.memory};
  std::uint64_t budget_ = 0;
  int depth_ = 0;
  MonoTime deadline_;
  bool stopped_ = false;
  Message* message_ = nullptr;
  Verdict verdict_;
};

inline constexpr int kNestingMax = 100;
inline constexpr std::uint64_t kHookStep = 100;  // VM instructions between two looks

// A C function: calls the one in its first upvalue once its arguments have been paid for.
int charged(lua_State* state);

// Each fills the state's globals; called in protected mode.
void open_safe_libraries(lua_State* state);
void open_strings(lua_State* state);  // replaces what could run for ever
void open_handle(lua_State* state);   // leaves the handle in the registry
void push_handle(lua_State* state);

}  // namespace sluice::lua
