sluice_fuzz(config_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/agent/config_fuzz.cpp LINK sluice_config)
sluice_fuzz(names_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/agent/names_fuzz.cpp LINK sluice_names)
sluice_fuzz(health_event_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/agent/health_event_fuzz.cpp LINK sluice_agent)
