# sluice_bpf(name): bpf/<name>.bpf.c -> BPF object -> <name>.skel.h in ${CMAKE_BINARY_DIR}/bpf (bpftool skeleton).
find_program(BPF_CLANG NAMES clang-19 clang REQUIRED)
find_program(BPF_TOOL NAMES bpftool PATHS /usr/sbin REQUIRED)
# Where Debian keeps asm/types.h and its kin.
set(SLUICE_MULTIARCH ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
function(sluice_bpf name)
  set(src ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c)
  set(obj ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  set(skel ${CMAKE_BINARY_DIR}/bpf/${name}.skel.h)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/include/*)
  add_custom_command(OUTPUT ${obj}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bpf
    COMMAND ${BPF_CLANG} -O2 -g -target bpf -Wall -Werror -I${CMAKE_CURRENT_SOURCE_DIR}/include
            -I${CMAKE_CURRENT_SOURCE_DIR} -I/usr/include/${SLUICE_MULTIARCH} -c ${src} -o ${obj}
    DEPENDS ${src} ${headers} VERBATIM)
  add_custom_command(OUTPUT ${skel}
    COMMAND sh -c "${BPF_TOOL} gen skeleton ${obj} name ${name}_bpf > ${skel}"
    DEPENDS ${obj} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY SLUICE_SKELETONS ${skel})
endfunction()
