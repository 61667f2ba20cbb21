# The conformance runner is a program of its own, so that any corpus of this form can be run:
#   sluice-conformance --corpus DIR [--known FILE]
# As a test it reads the corpus beside the checkout; without one it is skipped and says so.
set(dir ${CMAKE_SOURCE_DIR}/tests/conformance)
add_library(sluice_conformance STATIC
  ${dir}/data.cpp ${dir}/report.cpp ${dir}/normal_form.cpp ${dir}/fragment.cpp ${dir}/validate.cpp ${dir}/docs.cpp
  ${dir}/match.cpp ${dir}/match_registry.cpp ${dir}/match_rules.cpp ${dir}/match_world.cpp
  ${dir}/kri.cpp)
target_link_libraries(sluice_conformance PRIVATE sluice_flags PUBLIC sluice_base sluice_document sluice_kinds
  sluice_policy
                      sluice_rules)
sluice_program(sluice-conformance SOURCES ${dir}/main.cpp LINK sluice_conformance)
add_test(NAME unit/conformance
  COMMAND sluice-conformance --corpus ${SLUICE_SHARED_DIR}/kuma-corpus --known ${dir}/known_differences.txt
          --if-present)
set_tests_properties(unit/conformance PROPERTIES LABELS unit TIMEOUT 300 SKIP_RETURN_CODE 77)
# docs/policy.md shows the list with its reasons.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME style/policy_differences
  COMMAND ${Python3_EXECUTABLE} ${dir}/check_differences.py ${dir}/known_differences.txt
          ${CMAKE_SOURCE_DIR}/docs/policy.md)
set_tests_properties(style/policy_differences PROPERTIES LABELS style)
