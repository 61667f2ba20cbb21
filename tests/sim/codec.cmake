sluice_test(codec_sim_test sim
  SOURCES ${CMAKE_SOURCE_DIR}/tests/sim/codec/h1_test.cpp ${CMAKE_SOURCE_DIR}/tests/sim/codec/h2_test.cpp ${CMAKE_SOURCE_DIR}/tests/sim/codec/h2_conformance_test.cpp
  LINK sluice_codec sluice_sim)
