# What the bench says of processes.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME unit/bench COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/unit/bench/children_test.py)
set_tests_properties(unit/bench PROPERTIES LABELS unit FAIL_REGULAR_EXPRESSION "Ran 0 tests")
