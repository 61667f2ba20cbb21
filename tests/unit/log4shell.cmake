sluice_test(log4shell_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/lua/log4shell_test.cpp
  LINK sluice_lua sluice_kinds)
target_compile_definitions(log4shell_test PRIVATE SLUICE_LOG4SHELL="${CMAKE_SOURCE_DIR}/docs/log4shell.yaml")
