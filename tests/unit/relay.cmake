set(dir ${CMAKE_SOURCE_DIR}/tests/unit/relay)
sluice_test(relay_test unit
  SOURCES ${dir}/record_test.cpp ${dir}/settings_test.cpp
  LINK sluice_relay sluice_proxy_app)
