sluice_test(tunnel_session_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/tunnel/session_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/tunnel/hostile_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/tunnel/rest_test.cpp
  LINK sluice_tunnel)
