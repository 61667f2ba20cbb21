# keeper_stub plays sluiced, its agent and sluice-proxy: the children hand their channels to the test.
add_executable(keeper_stub ${CMAKE_SOURCE_DIR}/tests/integration/keeper/keeper_stub.cpp)
target_link_libraries(keeper_stub PRIVATE sluice_flags sluice_keeper)
sluice_test(keeper_test integration
  SOURCES ${CMAKE_SOURCE_DIR}/tests/integration/keeper/keeper_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/integration/keeper/keeper_upgrade_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/integration/keeper/keeper_lab.cpp
  LINK sluice_base Threads::Threads)
target_compile_definitions(keeper_test PRIVATE KEEPER_STUB="$<TARGET_FILE:keeper_stub>")
add_dependencies(keeper_test keeper_stub)
