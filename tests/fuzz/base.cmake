sluice_fuzz(message_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/base/message_fuzz.cpp LINK sluice_base)
