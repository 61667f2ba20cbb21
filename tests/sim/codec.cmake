set(dir ${CMAKE_SOURCE_DIR}/tests/sim/codec)
sluice_test(codec_sim_test sim
  SOURCES ${dir}/h1_test.cpp ${dir}/h2_test.cpp ${dir}/h2_conformance_test.cpp ${dir}/h2_frame_cases.cpp
          ${dir}/h2_message_cases.cpp ${dir}/early_test.cpp ${dir}/h2_early_test.cpp
  LINK sluice_codec sluice_sim)
