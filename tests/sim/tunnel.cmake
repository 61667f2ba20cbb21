sluice_test(tunnel_sim_test sim
  SOURCES ${CMAKE_SOURCE_DIR}/tests/sim/tunnel/tunnel_test.cpp ${CMAKE_SOURCE_DIR}/tests/sim/tunnel/pool_test.cpp
  LINK sluice_tunnel sluice_sim)
