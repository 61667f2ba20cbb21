set(dir ${CMAKE_SOURCE_DIR}/tests/sim/relay)
sluice_test(relay_sim_test sim SOURCES ${dir}/sniff_copy_test.cpp ${dir}/lives_test.cpp LINK sluice_relay sluice_sim)
