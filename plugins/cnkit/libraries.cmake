# pkg-config names of what this plugin's C files are linked with.
set(PLUGIN_PACKAGES icu-uc jansson libzip expat)
# Not by pkg-config: on Debian 13 that brings the headers of minizip, too, whose zip.h hides libzip's.
find_path(XLSXWRITER_INCLUDE xlsxwriter.h REQUIRED)
find_library(XLSXWRITER_LIB xlsxwriter REQUIRED)
target_include_directories(plugin_cnkit PRIVATE ${XLSXWRITER_INCLUDE})
target_link_libraries(plugin_cnkit PRIVATE ${XLSXWRITER_LIB} m)

# The readings' first letters, from ICU's data, as a table.
pkg_check_modules(CNKIT_TABLES REQUIRED IMPORTED_TARGET icu-uc icu-i18n)
add_executable(cnkit_tables plugins/cnkit/tables/initials.c)
target_link_libraries(cnkit_tables PkgConfig::CNKIT_TABLES)
set(CNKIT_TABLES_DIR ${CMAKE_BINARY_DIR}/tables/cnkit)
file(MAKE_DIRECTORY ${CNKIT_TABLES_DIR})
add_custom_command(OUTPUT ${CNKIT_TABLES_DIR}/initials.inc
  COMMAND cnkit_tables > ${CNKIT_TABLES_DIR}/initials.inc DEPENDS cnkit_tables VERBATIM)
target_sources(plugin_cnkit PRIVATE ${CNKIT_TABLES_DIR}/initials.inc)
target_include_directories(plugin_cnkit PRIVATE ${CNKIT_TABLES_DIR})
