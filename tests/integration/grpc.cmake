# The gRPC application of integration/grpc. The libraries it links carry no sanitizer, so neither does it.
find_program(PROTOC NAMES protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN NAMES grpc_cpp_plugin REQUIRED)
set(dir ${CMAKE_SOURCE_DIR}/tests/integration/grpc)
set(made ${CMAKE_BINARY_DIR}/tests/grpc)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/echo.pb.cc ${made}/echo.pb.h ${made}/echo.grpc.pb.cc ${made}/echo.grpc.pb.h
  COMMAND ${PROTOC} --cpp_out=${made} --grpc_out=${made} --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} -I${dir} echo.proto
  DEPENDS ${dir}/echo.proto VERBATIM)
add_executable(grpc_peer ${dir}/peer.cpp ${made}/echo.pb.cc ${made}/echo.grpc.pb.cc)
target_include_directories(grpc_peer SYSTEM PRIVATE ${made})
target_compile_options(grpc_peer PRIVATE -fno-sanitize=all)
target_link_options(grpc_peer PRIVATE -fno-sanitize=all)
target_link_libraries(grpc_peer PRIVATE sluice_flags)
set_source_files_properties(${made}/echo.pb.cc ${made}/echo.grpc.pb.cc PROPERTIES COMPILE_OPTIONS -w)
sluice_pkg(grpc_peer grpc++ protobuf)
