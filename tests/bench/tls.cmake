sluice_program(tls_bench
  SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/tls/handshake_bench.cpp
          ${CMAKE_SOURCE_DIR}/tests/bench/tls/records_bench.cpp
          ${CMAKE_SOURCE_DIR}/tests/bench/tls/storm_bench.cpp ${CMAKE_SOURCE_DIR}/tests/unit/tls/mesh_fixture.cpp
  LINK sluice_tls sluice_identity GTest::gtest PKG benchmark)
set_target_properties(tls_bench PROPERTIES EXCLUDE_FROM_ALL TRUE)
