set(dir ${CMAKE_SOURCE_DIR}/tests/fuzz/policy)
sluice_fuzz(policy_document_fuzz SOURCES ${dir}/policy_document_fuzz.cpp LINK sluice_policy sluice_rules)
sluice_fuzz(policy_table_fuzz SOURCES ${dir}/policy_table_fuzz.cpp LINK sluice_table)
