set(dir ${CMAKE_SOURCE_DIR}/tests/sim/exchange)
sluice_test(exchange_lua_test sim
  SOURCES ${dir}/lua_lab.cpp ${dir}/lua_test.cpp ${dir}/lua_scripts_test.cpp
  LINK sluice_exchange sluice_sim)
