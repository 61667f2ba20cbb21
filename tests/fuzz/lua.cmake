sluice_fuzz(lua_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/lua/lua_fuzz.cpp LINK sluice_lua sluice_exchange)
