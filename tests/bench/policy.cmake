sluice_program(policy_bench
  SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/policy/compile_bench.cpp
          ${CMAKE_SOURCE_DIR}/tests/bench/policy/change_bench.cpp
          ${CMAKE_SOURCE_DIR}/tests/bench/policy/route_bench.cpp
  LINK sluice_policy sluice_resources sluice_enrol PKG benchmark)
set_target_properties(policy_bench PROPERTIES EXCLUDE_FROM_ALL TRUE)
target_include_directories(policy_bench PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
