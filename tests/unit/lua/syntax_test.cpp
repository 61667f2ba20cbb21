#include "lua/syntax.h"

#include <gtest/gtest.h>

#include <luajit-2.1/lua.hpp>
#include <string>

namespace sluice::lua {
namespace {

TEST(LuaSyntax, WhatCompilesIsFine) {
  EXPECT_EQ(syntax_problem("function envoy_on_request(h) h:headers():add('a', 'b') end"), "");
  EXPECT_EQ(syntax_problem(""), "");
  EXPECT_EQ(syntax_problem("goto done ::done:: local x = 0x7fULL"), "");
}

TEST(LuaSyntax, AMistakeIsToldWithItsLine) {
  EXPECT_EQ(syntax_problem("local a = 1\n\nlocal b = = 2\n"), "line 3: unexpected symbol near '='");
  EXPECT_EQ(syntax_problem("function f()\n  if true then\nend\n"),
            "line 4: 'end' expected (to close 'function' at line 1) near '<eof>'");
  EXPECT_NE(syntax_problem("x = 'not closed"), "");
  EXPECT_NE(syntax_problem("break"), "");
}

TEST(LuaSyntax, NothingRuns) {
  EXPECT_EQ(syntax_problem("while true do end"), "");
  EXPECT_EQ(syntax_problem("error('no')"), "");
  EXPECT_EQ(syntax_problem("os.exit(3)"), "");
}

TEST(LuaSyntax, BytecodeIsRefused) {
  std::string bytes;
  lua_State* state = luaL_newstate();
  ASSERT_EQ(luaL_loadstring(state, "return 1"), 0);
  lua_dump(
      state,
      [](lua_State*, const void* data, std::size_t size, void* out) {
        static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
        return 0;
      },
      &bytes);
  lua_close(state);
  ASSERT_GT(bytes.size(), 4U);
  EXPECT_NE(syntax_problem(bytes).find("bytecode"), std::string::npos);
  EXPECT_NE(syntax_problem("\x1bLua"), "");
}

TEST(LuaSyntax, IsBounded) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "(";
  EXPECT_NE(syntax_problem("x = " + deep), "");
  std::string many = "local t = {";
  for (int i = 0; i < 60'000; ++i) many += "'" + std::to_string(i) + "',";
  EXPECT_EQ(syntax_problem(many + "}"), "not enough memory");
  EXPECT_LE(syntax_problem("x = " + std::string(200'000, '=')).size(), 300U);
}

}  // namespace
}  // namespace sluice::lua
