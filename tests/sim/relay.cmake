set(dir ${CMAKE_SOURCE_DIR}/tests/sim/relay)
sluice_test(relay_sim_test sim SOURCES ${dir}/sniff_copy_test.cpp ${dir}/lives_test.cpp LINK sluice_relay sluice_sim)
set(world ${dir}/mesh_world.cpp ${CMAKE_SOURCE_DIR}/tests/support/seeded_entropy.cpp
          ${CMAKE_SOURCE_DIR}/tests/support/failing_new.cpp)
sluice_test(mesh_lives_sim_test sim
  SOURCES ${world} ${dir}/mesh_lives_test.cpp
  LINK sluice_relay sluice_identity sluice_sim
  PKG openssl)
sluice_test(memory_lives_sim_test sim
  SOURCES ${world} ${dir}/memory_lives_test.cpp
  LINK sluice_relay sluice_identity sluice_sim
  PKG openssl)
if(SLUICE_SANITIZE MATCHES thread)  # whose own operator new is a second one, and the one that is taken
  target_link_options(mesh_lives_sim_test PRIVATE -Wl,-z,muldefs)
  target_link_options(memory_lives_sim_test PRIVATE -Wl,-z,muldefs)
endif()
