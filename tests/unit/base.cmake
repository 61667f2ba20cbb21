set(dir ${CMAKE_SOURCE_DIR}/tests/unit/base)
sluice_test(base_test unit SOURCES ${dir}/address_test.cpp ${dir}/memory_reserve_test.cpp LINK sluice_base)
