set(dir ${CMAKE_SOURCE_DIR}/tests/integration/proxy)
sluice_test(proxy_test integration
  SOURCES ${dir}/puppet_keeper.cpp ${dir}/mesh.cpp ${dir}/plain_test.cpp ${dir}/mesh_tls_test.cpp
  LINK sluice_table sluice_tls sluice_identity Threads::Threads)
target_compile_definitions(proxy_test PRIVATE SLUICE_PROXY="$<TARGET_FILE:sluice-proxy>")
add_dependencies(proxy_test sluice-proxy)
