set(dir ${CMAKE_SOURCE_DIR}/tests/unit/tls)
sluice_test(tls_test unit
  SOURCES ${dir}/mesh_fixture.cpp ${dir}/handshake_test.cpp ${dir}/resumption_test.cpp ${dir}/client_hello_test.cpp
          ${dir}/spiffe_test.cpp ${dir}/credentials_image_test.cpp ${dir}/records_test.cpp ${dir}/library_test.cpp
  LINK sluice_tls sluice_identity)
sluice_test(tls_stream_test unit
  SOURCES ${dir}/mesh_fixture.cpp ${dir}/memory_transport.cpp ${dir}/outside_test.cpp ${dir}/stream_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/support/outside_server.cpp
  LINK sluice_tls sluice_identity)
