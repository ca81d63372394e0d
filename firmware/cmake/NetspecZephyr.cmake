# SPDX-License-Identifier: Apache-2.0
#
# Networks and their kernels as libraries of a Zephyr application.
#
#   netspec_zephyr_network(kws FOLDER path/to/emitted SOURCES kws.c kws_weights.c)
#
# CONFIG_CMSIS_NN decides whose kernels run: Arm's, as Zephyr builds them from its own module, or the portable ones. It is
# no choice of ours: both define the same functions, and Zephyr links every object.

include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/NetspecKernels.cmake")

function(netspec_zephyr_network name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "SOURCES")
  _netspec_zephyr_kernels()
  list(TRANSFORM arg_SOURCES PREPEND "${arg_FOLDER}/")
  set(library netspec_network_${name}) # netspec_kernels is the kernels' library, whatever the networks are named
  zephyr_library_named(${library})
  zephyr_library_sources(${arg_SOURCES})
  target_link_libraries(${library} PRIVATE netspec_kernels)
  zephyr_include_directories("${arg_FOLDER}")
endfunction()

# Define the kernels, once for all networks.
function(_netspec_zephyr_kernels)
  if(TARGET netspec_kernels)
    return()
  endif()
  file(GLOB own CONFIGURE_DEPENDS "${NETSPEC_FIRMWARE_DIR}/src/netspec_*.c")
  zephyr_library_named(netspec_kernels)
  zephyr_library_sources(${own})
  target_include_directories(netspec_kernels PUBLIC "${NETSPEC_FIRMWARE_DIR}/include")
  if(NOT CONFIG_CMSIS_NN)
    _netspec_portable()
    return()
  endif()
  _netspec_examine("${ZEPHYR_CMSIS_NN_MODULE_DIR}")
  # Zephyr has no option that builds PadFunctions. Under another name ours is safe from the day that it has.
  if(NOT arm_pad_s8 IN_LIST filled)
    list(APPEND filled_sources "${NETSPEC_FIRMWARE_DIR}/portable/arm_pad_s8.c")
    list(APPEND filled arm_pad_s8)
  endif()
  target_compile_definitions(netspec_kernels PUBLIC ${defines} arm_pad_s8=netspec_zephyr_pad_s8)
  target_sources(netspec_kernels PRIVATE ${filled_sources})
  list(JOIN filled " " filled)
  message(STATUS "netspec kernels: CMSIS-NN of Zephyr in ${ZEPHYR_CMSIS_NN_MODULE_DIR}, portable: ${filled}")
endfunction()
