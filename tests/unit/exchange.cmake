set(dir ${CMAKE_SOURCE_DIR}/tests/unit/exchange)
sluice_test(exchange_test unit SOURCES ${dir}/forwarded_test.cpp ${dir}/grpc_test.cpp LINK sluice_exchange)
