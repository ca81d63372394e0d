# SPDX-License-Identifier: Apache-2.0
#
# Networks as CMake packages.
#
#   netspec_package(kws VERSION 1.0.0 LIBRARIES kws kws_test_vectors HEADERS kws.h)
#
# lets find_package(kws) find the libraries, as kws::<name>, in the build folder and, after `cmake --install`, below the
# prefix. The kernels are a package of their own, netspec_kernels, which all networks below one prefix share. Its version
# is that of the interface, NETSPEC_KERNELS_VERSION. A network is not found beside kernels that it was not compiled for:
# of another version, portable instead of Arm's, of a CMSIS-NN that takes other arguments or more scratch, or, with
# NETSPEC_ALL_KERNELS=OFF, only those of another network.

cmake_minimum_required(VERSION 3.18)
include_guard(GLOBAL)

set(_NETSPEC_CONFIG "${CMAKE_CURRENT_LIST_DIR}/NetspecConfig.cmake.in" CACHE INTERNAL "Template of package files")

function(netspec_package name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "VERSION" "LIBRARIES;HEADERS")
  file(STRINGS "${NETSPEC_FIRMWARE_DIR}/include/netspec_kernels.h" line REGEX "^#define NETSPEC_KERNELS_VERSION [0-9]+$")
  string(REGEX MATCH "[0-9]+$" interface "${line}")

  get_target_property(facts netspec_kernels INTERFACE_COMPILE_DEFINITIONS)
  string(REGEX REPLACE "^.*-NOTFOUND$" "" facts "${facts}")
  string(REGEX REPLACE "[$]<BUILD_INTERFACE:(.*)>" "\\1" facts "${facts}")
  list(JOIN facts " " facts)
  string(STRIP "${NETSPEC_KERNELS} ${facts}" facts)
  if(NETSPEC_KERNELS STREQUAL "cmsis-nn" AND NOT NETSPEC_ALL_KERNELS)
    string(APPEND facts ", those of ${name} alone") # NETSPEC_ALL_KERNELS is OFF
  endif()

  get_property(kernels_folder GLOBAL PROPERTY _NETSPEC_KERNELS_PACKAGE)
  if(NOT kernels_folder)
    set(kernels_folder "${CMAKE_CURRENT_BINARY_DIR}")
    set_property(GLOBAL PROPERTY _NETSPEC_KERNELS_PACKAGE "${kernels_folder}")
    set(told "set(netspec_kernels_FACTS \"${facts}\")")
    _netspec_export(netspec_kernels "${interface}.0.0" "${told}" "${told}" netspec_kernels)
  endif()
  include(GNUInstallDirs)
  install(FILES ${arg_HEADERS} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ${name})
  foreach(library IN LISTS arg_LIBRARIES)
    target_include_directories(${library} INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  endforeach()
  set(found "find_dependency(netspec_kernels ${interface} CONFIG HINTS")
  _netspec_export(${name} "${arg_VERSION}" "${found} \"${kernels_folder}\")"
                  "${found} \"\${CMAKE_CURRENT_LIST_DIR}/../netspec_kernels\")" ${arg_LIBRARIES})
endfunction()

# Make the package files of `package`, whose libraries follow the named arguments. `built` and `installed` are the lines
# that stand first in them; `facts` of the caller are what the kernels were compiled for.
function(_netspec_export package version built installed)
  include(CMakePackageConfigHelpers)
  include(GNUInstallDirs)
  set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/${package}")
  set(version_file "${CMAKE_CURRENT_BINARY_DIR}/${package}ConfigVersion.cmake")
  install(TARGETS ${ARGN} EXPORT ${package} ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${package})
  install(EXPORT ${package} FILE ${package}Targets.cmake NAMESPACE ${package}:: DESTINATION "${folder}"
          COMPONENT ${package})
  export(EXPORT ${package} FILE "${CMAKE_CURRENT_BINARY_DIR}/${package}Targets.cmake" NAMESPACE ${package}::)
  write_basic_package_version_file("${version_file}" VERSION ${version} COMPATIBILITY SameMajorVersion)

  set(first "${built}")
  configure_package_config_file("${_NETSPEC_CONFIG}" "${CMAKE_CURRENT_BINARY_DIR}/${package}Config.cmake"
                                INSTALL_DESTINATION "${CMAKE_CURRENT_BINARY_DIR}"
                                INSTALL_PREFIX "${CMAKE_CURRENT_BINARY_DIR}")
  set(first "${installed}")
  configure_package_config_file("${_NETSPEC_CONFIG}" "${CMAKE_CURRENT_BINARY_DIR}/installed/${package}Config.cmake"
                                INSTALL_DESTINATION "${folder}")
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/installed/${package}Config.cmake" "${version_file}"
          DESTINATION "${folder}" COMPONENT ${package})
endfunction()
