sluice_test(io_sim_test sim
  SOURCES ${CMAKE_SOURCE_DIR}/tests/sim/io/echo_test.cpp ${CMAKE_SOURCE_DIR}/tests/sim/io/fault_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/sim/io/pipe_test.cpp
  LINK sluice_sim)
