set(kernel_dir ${CMAKE_SOURCE_DIR}/tests/unit/kernel)
sluice_test(kernel_test unit
  SOURCES ${kernel_dir}/decide_test.cpp ${kernel_dir}/prefixes_test.cpp ${kernel_dir}/probe_test.cpp
          ${kernel_dir}/pins_test.cpp ${kernel_dir}/port_list_test.cpp
  LINK sluice_kernel)
# decide.h is the text that the BPF compiler reads; here it only has to mean the same.
target_include_directories(kernel_test SYSTEM PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
