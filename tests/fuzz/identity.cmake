set(dir ${CMAKE_SOURCE_DIR}/tests/fuzz/identity)
sluice_fuzz(crl_fuzz SOURCES ${dir}/crl_fuzz.cpp LINK sluice_identity)
