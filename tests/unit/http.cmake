set(dir ${CMAKE_SOURCE_DIR}/tests/unit/http)
sluice_test(http_test unit
  SOURCES ${dir}/body_test.cpp ${dir}/forward_test.cpp ${dir}/request_test.cpp ${dir}/response_test.cpp
          ${dir}/scan_test.cpp
  LINK sluice_http)
