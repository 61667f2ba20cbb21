sluice_fuzz(http1_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/http/http1_fuzz.cpp LINK sluice_http)
sluice_fuzz(http1_differential_fuzz
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/http/http1_differential_fuzz.cpp
    ${CMAKE_SOURCE_DIR}/tests/fuzz/http/node_parser.cpp LINK sluice_http)
if(SLUICE_FUZZ)
  target_link_libraries(http1_differential_fuzz PRIVATE http_parser)
  target_compile_definitions(http1_differential_fuzz PRIVATE
    SLUICE_NODE_PARSER="${CMAKE_SOURCE_DIR}/tests/fuzz/http/node_parser.js")
endif()
sluice_fuzz(h2_codec_fuzz
  SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/http/h2_codec_fuzz.cpp LINK sluice_codec sluice_sim)
