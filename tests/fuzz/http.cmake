sluice_fuzz(http1_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/http/http1_fuzz.cpp LINK sluice_http)
