sluice_fuzz(tunnel_session_fuzz
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/tunnel/tunnel_session_fuzz.cpp LINK sluice_tunnel)
