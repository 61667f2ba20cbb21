sluice_fuzz(config_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/agent/config_fuzz.cpp LINK sluice_config)
