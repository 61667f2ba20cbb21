set(dir ${CMAKE_SOURCE_DIR}/tests/sim/relay)
sluice_test(relay_sim_test sim SOURCES ${dir}/sniff_copy_test.cpp ${dir}/lives_test.cpp LINK sluice_relay sluice_sim)
sluice_test(mesh_lives_sim_test sim
  SOURCES ${dir}/mesh_world.cpp ${dir}/mesh_lives_test.cpp ${CMAKE_SOURCE_DIR}/tests/support/seeded_entropy.cpp
  LINK sluice_relay sluice_identity sluice_sim
  PKG openssl)
