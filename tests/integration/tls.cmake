set(dir ${CMAKE_SOURCE_DIR}/tests/integration/tls)
sluice_test(tls_openssl_test integration
  SOURCES ${dir}/openssl_test.cpp ${dir}/openssl_process.cpp ${CMAKE_SOURCE_DIR}/tests/unit/tls/mesh_fixture.cpp
  LINK sluice_tls sluice_identity)
sluice_test(tls_uring_test integration
  SOURCES ${dir}/uring_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/tls/mesh_fixture.cpp
  LINK sluice_tls sluice_identity)
