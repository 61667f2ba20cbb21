sluice_fuzz(expectations_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/ctl/expectations_fuzz.cpp LINK sluice_ctl)
