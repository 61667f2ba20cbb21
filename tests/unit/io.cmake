sluice_test(io_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/io/task_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/io/timer_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/io/held_up_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/io/loopback_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/io/pressure_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/io/offload_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/io/fallback_test.cpp
  LINK sluice_io)
