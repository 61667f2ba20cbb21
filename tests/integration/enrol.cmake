sluice_test(enrol_unit_test integration
  SOURCES ${CMAKE_SOURCE_DIR}/tests/integration/enrol_unit_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/integration/address_news_test.cpp
  LINK sluice_enrol sluice_policy)
