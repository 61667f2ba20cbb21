sluice_test(policy_engine_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/compile_test.cpp
  LINK sluice_policy)
