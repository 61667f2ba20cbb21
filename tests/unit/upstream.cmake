set(dir ${CMAKE_SOURCE_DIR}/tests/unit/upstream)
sluice_test(upstream_test unit
  SOURCES ${dir}/chooser_test.cpp ${dir}/hash_fault_test.cpp ${dir}/health_test.cpp ${dir}/limits_test.cpp
          ${dir}/outlier_test.cpp ${dir}/registry_test.cpp ${dir}/retry_test.cpp ${dir}/spread_test.cpp
          ${dir}/token_bucket_test.cpp
  LINK sluice_upstream)
