# sluice_library(NAME SOURCES ... LINK ... PKG ...): a folder as a static library with private vendor links.
function(sluice_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PKG" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_flags PUBLIC ${arg_LINK})
  sluice_pkg(${name} ${arg_PKG})
endfunction()

function(sluice_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PKG" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_flags ${arg_LINK})
  sluice_pkg(${name} ${arg_PKG})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# Links pkg-config packages; their headers count as system headers.
function(sluice_pkg name)
  foreach(pkg ${ARGN})
    if(NOT TARGET PkgConfig::${pkg})
      pkg_check_modules(${pkg} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
    endif()
    target_link_libraries(${name} PRIVATE PkgConfig::${pkg})
  endforeach()
endfunction()

# sluice_test(NAME RING SOURCES ... LINK ... PKG ...): a GoogleTest program, registered whole under its ring's label.
function(sluice_test name ring)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PKG" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_flags ${arg_LINK} GTest::gmock GTest::gtest GTest::gtest_main)
  sluice_pkg(${name} ${arg_PKG})
  add_test(NAME ${ring}/${name} COMMAND ${name})
  set_tests_properties(${ring}/${name} PROPERTIES LABELS ${ring} TIMEOUT 300)
endfunction()

# sluice_fuzz(NAME SOURCES ... LINK ...): a libFuzzer target (preset fuzz); corpus in tests/fuzz/corpus/NAME.
function(sluice_fuzz name)
  if(NOT SLUICE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PKG" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_flags ${arg_LINK})
  sluice_pkg(${name} ${arg_PKG})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  # A short run from the seeds; what it finds goes to the build directory, the first one named.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
  add_test(NAME fuzz/${name} COMMAND ${name} -max_total_time=5 -timeout=10 -rss_limit_mb=2048
    ${CMAKE_BINARY_DIR}/corpus/${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()
