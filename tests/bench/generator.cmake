# Load and origin of scripts/bench.
sluice_program(bench_load SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_load.cpp)
set_target_properties(bench_load PROPERTIES EXCLUDE_FROM_ALL TRUE)
# TLS clients of scripts/bench.
sluice_program(bench_tls SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_tls.cpp PKG openssl)
set_target_properties(bench_tls PROPERTIES EXCLUDE_FROM_ALL TRUE)
