set(dir ${CMAKE_SOURCE_DIR}/tests/unit/control)
sluice_test(control_test unit
  SOURCES ${dir}/fake_agent.cpp ${dir}/routes_test.cpp ${dir}/openapi_test.cpp
  LINK sluice_control sluice_document)
target_compile_definitions(control_test PRIVATE SLUICE_API_FILE="${CMAKE_SOURCE_DIR}/docs/control-api.yaml")
