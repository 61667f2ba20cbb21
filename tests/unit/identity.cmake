sluice_test(identity_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/identity/authority_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/identity/crl_test.cpp
  LINK sluice_identity sluice_tls)
