sluice_test(agent_config_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/config_test.cpp LINK sluice_config)
sluice_test(agent_resources_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/store_test.cpp
  ${CMAKE_SOURCE_DIR}/tests/unit/agent/store_crash_test.cpp LINK sluice_resources)
sluice_test(agent_enrol_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/enrol_test.cpp
  LINK sluice_enrol sluice_policy)
sluice_test(agent_loop_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/loop_test.cpp
  ${CMAKE_SOURCE_DIR}/tests/unit/agent/link_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/agent/metrics_test.cpp
  LINK sluice_agent)
sluice_test(agent_certificates_test unit SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/certificates_test.cpp
  ${CMAKE_SOURCE_DIR}/tests/unit/agent/crl_files_test.cpp ${CMAKE_SOURCE_DIR}/tests/unit/agent/health_files_test.cpp
  LINK sluice_agent sluice_identity sluice_tls)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME style/docs COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/generate_docs.py --check)
set_tests_properties(style/docs PROPERTIES LABELS style)
sluice_test(agent_names_test unit
  SOURCES ${CMAKE_SOURCE_DIR}/tests/unit/agent/name_book_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/unit/agent/dns_lookup_test.cpp
  LINK sluice_names)
