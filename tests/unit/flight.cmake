sluice_test(flight_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/flight/flight_test.cpp
  LINK sluice_base Threads::Threads)
