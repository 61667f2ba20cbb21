# Each file is one laboratory of namespaces on the real kernel; they run one after the other.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(name
    by_hand
    same_node
    ca_exchange
    revocation
    crl
    addresses
    source_ports
    families
    main_job
    bad_input
    bad_host
    restart
    upgrade
    live_policy
    changing_policy
    capture_traps
    bypass
    forged
    held_load
    mixed_load
    peer_node
    detached
    privileges
    control_socket
    http_requests
    health_checks
    limits_faults
    grpc
    http_pairs
    http_smuggling
    lua_filter
    outside)
  add_test(NAME integration/${name}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/integration/${name}_test.py ${CMAKE_BINARY_DIR}/bin)
  set_tests_properties(integration/${name} PROPERTIES LABELS integration RUN_SERIAL ON TIMEOUT 400
    FAIL_REGULAR_EXPRESSION "Ran 0 tests")
endforeach()
