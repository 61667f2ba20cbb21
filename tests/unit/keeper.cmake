sluice_test(keeper_unit_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/keeper/keeper_test.cpp LINK sluice_keeper)
