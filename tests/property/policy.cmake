sluice_test(policy_property_test property
  SOURCES ${CMAKE_SOURCE_DIR}/tests/property/policy/answers.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/image_walk.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/incremental_property_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/random_documents.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/random_mesh.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/reference.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/table_property_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/target_index_property_test.cpp
  LINK sluice_policy sluice_enrol)
target_include_directories(policy_property_test PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
sluice_test(policy_route_property_test property
  SOURCES ${CMAKE_SOURCE_DIR}/tests/property/policy/route_property_test.cpp
  LINK sluice_table PKG re2)
sluice_test(policy_rules_property_test property
  SOURCES ${CMAKE_SOURCE_DIR}/tests/property/policy/rules_property_test.cpp
  LINK sluice_rules)
sluice_test(policy_print_property_test property
  SOURCES ${CMAKE_SOURCE_DIR}/tests/property/policy/print_property_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/property/policy/random_bodies.cpp
  LINK sluice_ctl sluice_kinds)
target_compile_definitions(policy_print_property_test PRIVATE SLUICE_CORPUS="${SLUICE_SHARED_DIR}/kuma-corpus")
