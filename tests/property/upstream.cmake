sluice_test(upstream_property_test property
  SOURCES ${CMAKE_SOURCE_DIR}/tests/property/upstream/upstream_property_test.cpp
  LINK sluice_upstream)
