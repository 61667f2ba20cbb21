# Real programs, namespaces, cgroups and sockets; needs root. One program per subject, so that ctest can run them side
# by side (every fixture owns its cgroup, pin directory and namespaces).
set(capture_dir ${CMAKE_SOURCE_DIR}/tests/bpf/capture)
foreach(subject outbound inbound local_hop guard lifecycle host layout cost)
  sluice_test(capture_${subject}_test bpf
    SOURCES ${capture_dir}/world.cpp ${capture_dir}/${subject}_test.cpp LINK sluice_kernel PKG liburing libbpf)
  target_include_directories(capture_${subject}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(capture_${subject}_test PRIVATE SLUICE_BPF_OBJECTS="${CMAKE_BINARY_DIR}/bpf")
endforeach()
