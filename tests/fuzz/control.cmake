sluice_fuzz(control_request_fuzz
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/control/control_request_fuzz.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/control/fake_agent.cpp
  LINK sluice_control)
