sluice_test(codec_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/codec/h2_head_test.cpp
  LINK sluice_codec)
