sluice_test(base_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/base/address_test.cpp LINK sluice_base)
