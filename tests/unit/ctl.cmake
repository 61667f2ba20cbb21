set(dir ${CMAKE_SOURCE_DIR}/tests/unit/ctl)
sluice_test(ctl_test unit
  SOURCES ${dir}/table_test.cpp ${dir}/yaml_test.cpp ${dir}/inbound_flag_test.cpp
  LINK sluice_ctl)
sluice_test(ctl_manual_test unit SOURCES ${dir}/manual_test.cpp LINK sluice_ctl)
target_compile_definitions(ctl_manual_test PRIVATE SLUICE_MANUAL="${CMAKE_SOURCE_DIR}/docs/sluice.1")
sluice_test(ctl_policy_test unit
  SOURCES ${dir}/policy_run.cpp ${dir}/policy_check_test.cpp ${dir}/policy_schema_test.cpp
          ${dir}/policy_explain_test.cpp ${dir}/policy_rules_test.cpp
          ${dir}/policy_resolve_test.cpp ${dir}/policy_expectations_test.cpp
          ${dir}/diff_test.cpp ${dir}/rules_compare_test.cpp ${dir}/retry_example_test.cpp
  LINK sluice_ctl)
target_compile_definitions(ctl_policy_test PRIVATE
  SLUICE_POLICY_REFERENCE="${CMAKE_SOURCE_DIR}/docs/policy-reference.md")
