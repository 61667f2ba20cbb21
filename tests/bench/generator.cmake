# Load and origin of scripts/bench.
sluice_program(bench_load SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_load.cpp)
# TLS clients of scripts/bench.
sluice_program(bench_tls SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_tls.cpp PKG openssl)
# HTTP load and origin of scripts/bench.
sluice_program(bench_http SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_http.cpp)
# The least that a proxy of requests asks of the kernel.
sluice_program(bench_floor SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_floor.cpp PKG liburing)
# How far its two processors are from each other.
sluice_program(bench_cores SOURCES ${CMAKE_SOURCE_DIR}/tests/bench/generator/bench_cores.cpp)
