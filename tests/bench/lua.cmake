sluice_program(lua_bench SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/lua/filter_bench.cpp
  LINK sluice_exchange sluice_kinds PKG benchmark)
target_compile_definitions(lua_bench PRIVATE SLUICE_LOG4SHELL="${CMAKE_SOURCE_DIR}/docs/log4shell.yaml")
set_target_properties(lua_bench PROPERTIES EXCLUDE_FROM_ALL TRUE)
