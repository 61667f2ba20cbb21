set(dir ${CMAKE_SOURCE_DIR}/tests/fuzz/tls)
sluice_fuzz(client_hello_fuzz SOURCES ${dir}/client_hello_fuzz.cpp LINK sluice_tls)
sluice_fuzz(spiffe_fuzz SOURCES ${dir}/spiffe_fuzz.cpp LINK sluice_base)
sluice_fuzz(credentials_image_fuzz SOURCES ${dir}/credentials_image_fuzz.cpp LINK sluice_base)
