sluice_test(policy_document_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/yaml_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/policy/envelope_test.cpp
  LINK sluice_document)
sluice_test(policy_kinds_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/mesh_kind_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/identity_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/destination_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/gateway_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/hostile_text_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/default_policies_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/zone_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/template_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/policies_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/resilience_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/load_balancing_kind_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/observability_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/unknown_values_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/dataplane_kind_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/tls_support_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/proxy_patch_kind_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/schema_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/route_kinds_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/dialect_test.cpp
  LINK sluice_kinds)
sluice_test(policy_engine_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/compile_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/policy/engine_test.cpp
  LINK sluice_policy)
sluice_test(policy_http_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/http_compile_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/http_cluster_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/http_inbound_test.cpp
  LINK sluice_policy)
sluice_test(policy_table_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/table_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/http_table_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/flat_map_test.cpp
  LINK sluice_table)
# The conformance data is read when it lies beside the checkout; a run without it says so.
sluice_test(policy_corpus_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/corpus_test.cpp
  LINK sluice_kinds)
target_compile_definitions(policy_corpus_test PRIVATE SLUICE_CORPUS="${SLUICE_SHARED_DIR}/kuma-corpus")
sluice_test(policy_rules_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/policy/rules_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/policy/to_rules_test.cpp
  LINK sluice_rules)
