set(dir ${CMAKE_SOURCE_DIR}/tests/sim/requests)
add_library(sluice_http_lab STATIC ${dir}/http_lab.cpp ${dir}/lab_application.cpp)
target_link_libraries(sluice_http_lab PRIVATE sluice_flags GTest::gtest PUBLIC sluice_relay sluice_policy sluice_sim)
sluice_test(requests_sim_test sim
  SOURCES
    ${dir}/balancing_test.cpp
    ${dir}/breaker_test.cpp
    ${dir}/external_test.cpp
    ${dir}/faults_test.cpp
    ${dir}/h2_timeouts_test.cpp
    ${dir}/heads_test.cpp
    ${dir}/health_test.cpp
    ${dir}/bad_application_test.cpp
    ${dir}/bad_h2_application_test.cpp
    ${dir}/limits_test.cpp
    ${dir}/ownership_test.cpp
    ${dir}/retirement_test.cpp
    ${dir}/retry_test.cpp
    ${dir}/route_backends_test.cpp
    ${dir}/routes_test.cpp
    ${dir}/same_node_test.cpp
    ${dir}/storm_test.cpp
    ${dir}/targets_test.cpp
    ${dir}/timeouts_test.cpp
    ${CMAKE_SOURCE_DIR}/tests/support/outside_server.cpp
  LINK sluice_http_lab
  PKG openssl)
