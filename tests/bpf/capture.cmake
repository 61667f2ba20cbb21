# Real programs, namespaces, cgroups and sockets; needs root.
sluice_test(capture_test bpf
  SOURCES ${CMAKE_SOURCE_DIR}/tests/bpf/capture/world.cpp ${CMAKE_SOURCE_DIR}/tests/bpf/capture/outbound_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/bpf/capture/inbound_test.cpp ${CMAKE_SOURCE_DIR}/tests/bpf/capture/guard_test.cpp
  LINK sluice_kernel PKG liburing)
target_include_directories(capture_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
