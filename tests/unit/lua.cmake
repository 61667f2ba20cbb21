set(dir ${CMAKE_SOURCE_DIR}/tests/unit/lua)
sluice_test(lua_test unit
  SOURCES ${dir}/pattern_test.cpp ${dir}/script_test.cpp ${dir}/syntax_test.cpp
  LINK sluice_lua)
