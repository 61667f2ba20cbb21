sluice_fuzz(grpc_timeout_fuzz
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/exchange/grpc_timeout_fuzz.cpp
  LINK sluice_exchange)
