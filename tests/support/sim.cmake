# The simulated ring, for the tests of every part that runs on one:
# LINK sluice_sim, #include "tests/support/sim_ring.h".
add_library(sluice_sim STATIC ${CMAKE_SOURCE_DIR}/tests/support/sim_ring.cpp)
target_link_libraries(sluice_sim PRIVATE sluice_flags PUBLIC sluice_io)
