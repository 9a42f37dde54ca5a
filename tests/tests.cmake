# Every test by glob: unit programs, whole-server transcripts, scripts. The names' first part is the kind: `ctest -R ^session`.
# MUSTER is the program under test, in the environment of all of them.

set(MUSTER_BIN "$<TARGET_FILE:muster>")
set(WITH_SERVER "${CMAKE_SOURCE_DIR}/tests/support/with_server.sh")
set(TSAN_OPTIONS "suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")

function(muster_test name timeout)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} SKIP_RETURN_CODE 77 ENVIRONMENT
    "MUSTER=${MUSTER_BIN};MUSTER_BUILD=${CMAKE_BINARY_DIR};MUSTER_SANITIZE=${MUSTER_SANITIZE};MUSTER_TEST=1;TSAN_OPTIONS=${TSAN_OPTIONS}")
endfunction()

if(CMOCKA_FOUND)
  file(GLOB UNIT_TESTS CONFIGURE_DEPENDS tests/unit/*_test.c)
  foreach(file ${UNIT_TESTS})
    get_filename_component(name ${file} NAME_WE)
    add_executable(${name} EXCLUDE_FROM_ALL ${file})
    target_link_libraries(${name} muster_host PkgConfig::CMOCKA)
    list(APPEND TEST_PROGRAMS ${name})
    string(REGEX REPLACE "_test$" "" short ${name})
    muster_test(unit.${short} 120 $<TARGET_FILE:${name}>)
  endforeach()

  # The fuzzers' targets, fed with their seeds and a bounded number of mutations; ./dev fuzz runs them for real.
  file(GLOB FUZZERS CONFIGURE_DEPENDS tests/fuzz/*_fuzz.c)
  foreach(file ${FUZZERS})
    get_filename_component(name ${file} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" short ${name})
    add_executable(${name} EXCLUDE_FROM_ALL ${file} tests/fuzz/replay.c)
    target_link_libraries(${name} muster_host)
    list(APPEND TEST_PROGRAMS ${name})
    file(GLOB seeds CONFIGURE_DEPENDS tests/fuzz/seeds/${short}*)
    muster_test(fuzz.${short} 120 $<TARGET_FILE:${name}> -n 20000 -s 1 ${seeds})
  endforeach()
  add_custom_target(tests DEPENDS muster bench_load bench_sandbox ${TEST_PROGRAMS})
endif()

file(GLOB SESSIONS CONFIGURE_DEPENDS tests/session/*.session plugins/*/tests/*.session)
foreach(file ${SESSIONS})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${file})
  string(REGEX REPLACE "^(plugins|tests/session)/" "" short ${path})
  string(REGEX REPLACE "/tests/|/" "." short ${short})
  string(REGEX REPLACE "\\.session$" "" short ${short})
  muster_test(session.${short} 120 ${WITH_SERVER} ${MUSTER_BIN} ${MUSTER_BIN} play tests/support/session.lua -- ${path})
endforeach()

file(GLOB NET_SCRIPTS CONFIGURE_DEPENDS tests/net/*.lua)
foreach(file ${NET_SCRIPTS})
  get_filename_component(name ${file} NAME_WE)
  muster_test(net.${name} 180 ${WITH_SERVER} ${MUSTER_BIN} ${MUSTER_BIN} play ${file})
endforeach()

foreach(kind cli abi scenario fault clients lint)
  file(GLOB SCRIPTS CONFIGURE_DEPENDS tests/${kind}/*.sh)
  foreach(file ${SCRIPTS})
    get_filename_component(name ${file} NAME_WE)
    muster_test(${kind}.${name} 300 ${file})
  endforeach()
endforeach()

muster_test(lua.lib 60 lua5.4 tests/lua/run.lua)
