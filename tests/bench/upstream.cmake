sluice_program(pick_bench
  SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/upstream/pick_bench.cpp
  LINK sluice_upstream PKG benchmark)
set_target_properties(pick_bench PROPERTIES EXCLUDE_FROM_ALL TRUE)
