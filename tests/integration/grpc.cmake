# The gRPC applications of integration/grpc and of the mixed load. The libraries they link carry no sanitizer, so
# neither do they.
find_program(PROTOC NAMES protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN NAMES grpc_cpp_plugin REQUIRED)
set(dir ${CMAKE_SOURCE_DIR}/tests/integration/grpc)
set(made ${CMAKE_BINARY_DIR}/tests/grpc)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/echo.pb.cc ${made}/echo.pb.h ${made}/echo.grpc.pb.cc ${made}/echo.grpc.pb.h
  COMMAND ${PROTOC} --cpp_out=${made} --grpc_out=${made} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} -I${dir} echo.proto
  DEPENDS ${dir}/echo.proto VERBATIM)
set_source_files_properties(${made}/echo.pb.cc ${made}/echo.grpc.pb.cc PROPERTIES COMPILE_OPTIONS -w)
foreach(name peer soak)
  add_executable(grpc_${name} ${dir}/${name}.cpp ${made}/echo.pb.cc ${made}/echo.grpc.pb.cc)
  target_include_directories(grpc_${name} SYSTEM PRIVATE ${made})
  target_compile_options(grpc_${name} PRIVATE -fno-sanitize=all)
  target_link_options(grpc_${name} PRIVATE -fno-sanitize=all)
  target_link_libraries(grpc_${name} PRIVATE sluice_flags)
  sluice_pkg(grpc_${name} grpc++ protobuf)
endforeach()
