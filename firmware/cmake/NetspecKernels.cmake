# SPDX-License-Identifier: Apache-2.0
#
# The kernels behind an emitted model.
#
#   include(path/to/emitted/folder/kernels/cmake/NetspecKernels.cmake)
#   netspec_add_kernels(my_model FUNCTIONS arm_max_pool_s8 netspec_dense_s8)
#
# links the target my_model with the static library netspec_kernels, which carries include folders and definitions. Of
# Arm's sources only those are compiled that the functions reach which the targets name; all where one names none.
#
# NETSPEC_KERNELS         portable (default): plain C99, needs nothing.
#                         cmsis-nn: Arm's kernels, 4.0 or later; portable ones fill in what a copy lacks.
# CMSIS_NN_PATH           with cmsis-nn: its root; cache or environment variable. Without it an installed CMSIS-Pack
#                         is taken, newest first, else a pinned commit is fetched.
# CMSIS_CORE_PATH         folder of cmsis_compiler.h: only for CMSIS-NN 4.0 on a Cortex-M.
# NETSPEC_FETCH_CMSIS_NN  OFF forbids the download.
# NETSPEC_ALL_KERNELS     ON compiles all of Arm's kernels, for networks of other projects too: as NETSPEC_INSTALL.

cmake_minimum_required(VERSION 3.18)
include_guard(GLOBAL)

set(NETSPEC_KERNELS "portable" CACHE STRING "Who computes: portable or cmsis-nn")
set_property(CACHE NETSPEC_KERNELS PROPERTY STRINGS portable cmsis-nn)
set(CMSIS_NN_PATH "" CACHE PATH "Root folder of CMSIS-NN, the one with Include and Source")
set(CMSIS_CORE_PATH "" CACHE PATH "Folder of cmsis_compiler.h, for CMSIS-NN 4.0 on a Cortex-M")
option(NETSPEC_FETCH_CMSIS_NN "Download CMSIS-NN when none is found" ON)
option(NETSPEC_ALL_KERNELS "Compile all of Arm's kernels, not only those that the networks call" ${NETSPEC_INSTALL})

get_filename_component(_netspec_firmware_dir "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(NETSPEC_FIRMWARE_DIR "${_netspec_firmware_dir}" CACHE INTERNAL "netspec's hand-written C")

# The commit of release 7.0.0: a hash, since a tag can move.
set(_NETSPEC_CMSIS_NN_REPOSITORY "https://github.com/ARM-software/CMSIS-NN.git" CACHE INTERNAL "")
set(_NETSPEC_CMSIS_NN_COMMIT "22080c68d040c98139e6cb1549473e3149735f4d" CACHE INTERNAL "")

# Link `target` with the kernels; the first call defines them, and each adds the sources of Arm's behind its FUNCTIONS.
function(netspec_add_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FUNCTIONS")
  if(NOT TARGET netspec_kernels)
    file(GLOB own CONFIGURE_DEPENDS "${NETSPEC_FIRMWARE_DIR}/src/netspec_*.c")
    add_library(netspec_kernels STATIC ${own})
    target_compile_features(netspec_kernels PRIVATE c_std_99)
    # For those who build: what is installed of a network needs no header of the kernels.
    target_include_directories(netspec_kernels PUBLIC "$<BUILD_INTERFACE:${NETSPEC_FIRMWARE_DIR}/include>")
    if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
      # So that the linker can leave out what a model does not call (-Wl,--gc-sections).
      target_compile_options(netspec_kernels PRIVATE -ffunction-sections -fdata-sections)
    endif()
    if(NETSPEC_KERNELS STREQUAL "portable")
      _netspec_portable()
    elseif(NETSPEC_KERNELS STREQUAL "cmsis-nn")
      _netspec_find_cmsis_nn(root)
      _netspec_cmsis_nn("${root}")
    else()
      message(FATAL_ERROR "NETSPEC_KERNELS is '${NETSPEC_KERNELS}': use portable or cmsis-nn")
    endif()
  endif()
  if(NETSPEC_KERNELS STREQUAL "cmsis-nn")
    _netspec_add_vendor("${arg_FUNCTIONS}")
  endif()
  target_link_libraries(${target} PUBLIC netspec_kernels)
endfunction()

function(_netspec_portable)
  file(GLOB sources CONFIGURE_DEPENDS "${NETSPEC_FIRMWARE_DIR}/portable/*.c")
  target_sources(netspec_kernels PRIVATE ${sources})
  target_include_directories(netspec_kernels PUBLIC "$<BUILD_INTERFACE:${NETSPEC_FIRMWARE_DIR}/portable/include>")
  message(STATUS "netspec kernels: portable")
endfunction()

function(_netspec_cmsis_nn root)
  _netspec_examine("${root}")
  target_sources(netspec_kernels PRIVATE ${filled_sources})

  if(header MATCHES "#include \"arm_nn_math_types.h\"")
    file(READ "${root}/Include/arm_nn_math_types.h" types)
    if(types MATCHES "cmsis_compiler[.]h")
      _netspec_cmsis_core("${root}" core core_defines)
      list(APPEND defines ${core_defines})
      target_include_directories(netspec_kernels SYSTEM PUBLIC "$<BUILD_INTERFACE:${core}>")
    endif()
  endif()

  target_include_directories(netspec_kernels SYSTEM PUBLIC "$<BUILD_INTERFACE:${root}/Include>")
  target_compile_definitions(netspec_kernels PUBLIC "$<BUILD_INTERFACE:${defines}>")

  list(JOIN filled " " filled)
  message(STATUS "netspec kernels: CMSIS-NN in ${root}")
  message(STATUS "netspec kernels: arm_convolve_s8 takes ${convolve} arguments, arm_vector_sum_s8 ${vector_sum}")
  message(STATUS "netspec kernels: portable fillers: ${filled}")
endfunction()

# Add Arm's sources behind a list of functions to the kernels, and behind what our own sources call; all for an empty list.
function(_netspec_add_vendor functions)
  get_property(vendor GLOBAL PROPERTY _NETSPEC_VENDOR)
  get_target_property(present netspec_kernels SOURCES)
  if(functions AND NOT NETSPEC_ALL_KERNELS)
    get_property(reached GLOBAL PROPERTY _NETSPEC_DATA)
    foreach(source IN LISTS present)
      if(NOT source IN_LIST vendor)
        _netspec_mentioned("${source}" names)
        list(APPEND functions ${names})
      endif()
    endforeach()
    while(functions)
      list(POP_FRONT functions function)
      get_property(source GLOBAL PROPERTY _NETSPEC_SOURCE_OF_${function})
      if(source AND NOT source IN_LIST reached)
        list(APPEND reached "${source}")
        _netspec_mentioned("${source}" names)
        list(APPEND functions ${names})
      endif()
    endwhile()
    set(vendor "${reached}")
  endif()
  list(REMOVE_ITEM vendor ${present})
  list(SORT vendor)
  target_sources(netspec_kernels PRIVATE ${vendor})
  if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    _netspec_vendor_options(options)
    set_source_files_properties(${vendor} TARGET_DIRECTORY netspec_kernels PROPERTIES COMPILE_OPTIONS "${options}")
    # That of 4.x does not compile with -Os either.
    get_property(oldest GLOBAL PROPERTY _NETSPEC_BEFORE_VECTOR_SUM)
    list(FILTER vendor INCLUDE REGEX "/arm_nn_mat_mult_nt_t_s8[.]c$")
    if(oldest AND vendor)
      set_source_files_properties(${vendor} TARGET_DIRECTORY netspec_kernels PROPERTIES COMPILE_OPTIONS "${options};-O2")
    endif()
  endif()
endfunction()

# Set `result` to what Arm's sources are compiled with.
function(_netspec_vendor_options result)
  # They are not ours to warn about, and 4.1's headers forget to include <stdint.h>.
  set(options -w -include stdint.h)
  # Their inline assembly for Helium does not compile without optimization ("impossible constraints"). A build for a
  # debugger is of the user's own code, so they are optimized there too, for every core alike.
  get_directory_property(added COMPILE_OPTIONS)
  list(JOIN added " " added)
  set(configurations ${CMAKE_CONFIGURATION_TYPES})
  if(NOT configurations)
    set(configurations "none ${CMAKE_BUILD_TYPE}")
  endif()
  foreach(configuration IN LISTS configurations)
    string(REGEX REPLACE "^none ?" "" name "${configuration}")
    string(TOUPPER "${name}" upper)
    string(REGEX MATCHALL "(^| )-O[^ ]*" levels " ${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${upper}} ${added}")
    if(NOT levels MATCHES "-O[^ ;]*$" OR levels MATCHES "-O0$")
      if(name STREQUAL configuration)
        list(APPEND options "$<$<CONFIG:${name}>:-O2>")
      else()
        list(APPEND options -O2)
      endif()
    endif()
  endforeach()
  set(${result} "${options}" PARENT_SCOPE)
endfunction()

# Set `result` to the functions of Arm's that `source` mentions outside comments.
function(_netspec_mentioned source result)
  _netspec_declarations("${source}" text)
  string(REGEX MATCHALL "arm_[A-Za-z0-9_]+" names "${text}")
  list(REMOVE_DUPLICATES names)
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

# Look at the CMSIS-NN in `root` and set for the caller what follows from it: `vendor`, its int8 sources; `header`, the
# text of arm_nnfunctions.h; `defines`, what netspec_kernels.h has to be told; `filled` and `filled_sources`, the
# portable functions that take the place of missing ones, and their files; `convolve` and `vector_sum`, how many
# arguments these functions take.
function(_netspec_examine root)
  file(GLOB_RECURSE vendor CONFIGURE_DEPENDS "${root}/Source/*.c")
  # Float, 4-bit and Python-binding sources: int8 code never calls them, and some need a half-precision type.
  list(FILTER vendor EXCLUDE REGEX "_(f16|f32|s4)(_[^/]*)?[.]c$|/Source/Bindings/")
  _netspec_declarations("${root}/Include/arm_nnfunctions.h" declarations)
  _netspec_declarations("${NETSPEC_FIRMWARE_DIR}/portable/include/arm_nnfunctions.h" expected)
  set(definitions "")
  set(data "")
  foreach(source IN LISTS vendor)
    # Definitions begin in the first column; calls never do.
    file(STRINGS "${source}" lines REGEX "^([A-Za-z_][A-Za-z0-9_ *]*[ *])?arm_[A-Za-z0-9_]+[ ]?[(]")
    list(FILTER lines EXCLUDE REGEX "^(static|__STATIC)")
    string(REGEX MATCHALL "arm_[A-Za-z0-9_]+[ ]?[(]" lines "${lines}")
    string(REGEX REPLACE "[ (]" "" lines "${lines}")
    foreach(function IN LISTS lines)
      set_property(GLOBAL PROPERTY _NETSPEC_SOURCE_OF_${function} "${source}")
    endforeach()
    if(NOT lines)
      list(APPEND data "${source}")
    endif()
    list(APPEND definitions ${lines})
  endforeach()
  set_property(GLOBAL PROPERTY _NETSPEC_VENDOR "${vendor}")
  set_property(GLOBAL PROPERTY _NETSPEC_DATA "${data}") # tables, which any of them may read

  file(READ "${root}/Include/arm_nnfunctions.h" header)
  set(missing "")
  foreach(function arm_convolve_1x1_s8_fast arm_depthwise_conv_s8 arm_depthwise_conv_3x3_s8 arm_depthwise_conv_s8_opt
                   arm_max_pool_s8)
    _netspec_arguments("${declarations}" ${function} arguments)
    if(arguments LESS 0)
      list(APPEND missing ${function})
    endif()
  endforeach()
  if(NOT header MATCHES "arm_cmsis_nn_status")
    list(APPEND missing arm_cmsis_nn_status)
  endif()
  if(missing)
    list(JOIN missing ", " missing)
    message(FATAL_ERROR "the CMSIS-NN in ${root} is not supported: it has no ${missing}; netspec needs 4.0 or later")
  endif()

  _netspec_arguments("${declarations}" arm_convolve_s8 convolve)
  _netspec_arguments("${declarations}" arm_vector_sum_s8 vector_sum)
  if(vector_sum LESS 0)
    set_property(GLOBAL PROPERTY _NETSPEC_BEFORE_VECTOR_SUM ON)
  endif()
  set(defines NETSPEC_CMSIS_NN)
  if(vector_sum EQUAL 4 OR vector_sum EQUAL 6)
    # 5.0 and 6.0 on Helium want the sums of dense weights without input offset and bias, unlike what emitted code brings.
    list(APPEND defines NETSPEC_CMSIS_NN_UNBIASED_KERNEL_SUMS)
  endif()
  if(convolve EQUAL 11)
    # 7.0 added upscale_dims; netspec_kernels.h leaves the argument out.
    list(APPEND defines NETSPEC_CMSIS_NN_CONVOLVES_WITHOUT_UPSCALING)
  endif()
  set(filled "")
  set(filled_sources "")
  file(GLOB portable CONFIGURE_DEPENDS "${NETSPEC_FIRMWARE_DIR}/portable/arm_*.c")
  foreach(source IN LISTS portable)
    get_filename_component(function "${source}" NAME_WE)
    _netspec_arguments("${declarations}" ${function} arguments)
    _netspec_arguments("${expected}" ${function} wanted)
    if(arguments LESS 0)
      if(wanted GREATER_EQUAL 0)
        string(REGEX REPLACE "^arm_" "" name "${function}")
        string(TOUPPER "NETSPEC_CMSIS_NN_LACKS_${name}" define)
        list(APPEND defines ${define})
      endif()
    elseif(NOT arguments EQUAL wanted AND NOT (function STREQUAL "arm_convolve_s8" AND arguments EQUAL 11))
      message(FATAL_ERROR "the CMSIS-NN in ${root} is not supported: ${function} takes ${arguments} arguments, "
                          "netspec passes ${wanted}")
    endif()
    if(arguments LESS 0 OR NOT function IN_LIST definitions)
      list(APPEND filled_sources "${source}")
      list(APPEND filled ${function})
    endif()
  endforeach()

  if(filled MATCHES "arm_depthwise_conv_")
    # What all of these call.
    list(APPEND filled netspec_portable_depthwise_conv_s8)
    list(APPEND filled_sources "${NETSPEC_FIRMWARE_DIR}/portable/netspec_portable_depthwise_conv_s8.c")
  endif()

  foreach(name vendor header defines filled filled_sources convolve vector_sum)
    set(${name} "${${name}}" PARENT_SCOPE)
  endforeach()
endfunction()

# Set `result` to the root of CMSIS-NN: named by the user, an installed pack, or downloaded.
function(_netspec_find_cmsis_nn result)
  set(named "${CMSIS_NN_PATH}")
  if(NOT named AND DEFINED ENV{CMSIS_NN_PATH})
    set(named "$ENV{CMSIS_NN_PATH}")
  endif()
  if(named)
    set(layouts . CMSIS-NN cmsis-nn cmsis_nn CMSIS/NN vendor/cmsis_nn backend/cmsis_nn/vendor/cmsis_nn)
    if(named MATCHES "[/\\\\][Ii]nclude[/\\\\]?$")
      list(PREPEND layouts ..)
    endif()
    foreach(layout IN LISTS layouts)
      get_filename_component(candidate "${named}/${layout}" ABSOLUTE)
      if(EXISTS "${candidate}/Include/arm_nnfunctions.h" AND IS_DIRECTORY "${candidate}/Source")
        set(${result} "${candidate}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
    message(FATAL_ERROR "CMSIS_NN_PATH: ${named} holds no Include/arm_nnfunctions.h beside a Source folder")
  endif()

  _netspec_pack_root(packs)
  file(GLOB versions LIST_DIRECTORIES true "${packs}/ARM/CMSIS-NN/*")
  list(SORT versions COMPARE NATURAL ORDER DESCENDING)
  foreach(candidate IN LISTS versions)
    if(EXISTS "${candidate}/Include/arm_nnfunctions.h" AND IS_DIRECTORY "${candidate}/Source")
      set(${result} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  if(NOT NETSPEC_FETCH_CMSIS_NN)
    message(FATAL_ERROR "no CMSIS-NN found: set CMSIS_NN_PATH, or NETSPEC_FETCH_CMSIS_NN=ON, or "
                        "NETSPEC_KERNELS=portable")
  endif()
  message(STATUS "netspec kernels: fetching CMSIS-NN ${_NETSPEC_CMSIS_NN_COMMIT}")
  include(FetchContent)
  # A subfolder without CMakeLists.txt: the sources are wanted, its own build is not.
  FetchContent_Declare(netspec_cmsis_nn GIT_REPOSITORY "${_NETSPEC_CMSIS_NN_REPOSITORY}"
                       GIT_TAG "${_NETSPEC_CMSIS_NN_COMMIT}" SOURCE_SUBDIR Include)
  FetchContent_MakeAvailable(netspec_cmsis_nn)
  set(${result} "${netspec_cmsis_nn_SOURCE_DIR}" PARENT_SCOPE)
endfunction()

# Set `result` to the folder of installed CMSIS-Packs: CMSIS-Toolbox's defaults.
function(_netspec_pack_root result)
  if(DEFINED ENV{CMSIS_PACK_ROOT})
    set(root "$ENV{CMSIS_PACK_ROOT}")
  elseif(CMAKE_HOST_WIN32)
    set(root "$ENV{LOCALAPPDATA}/Arm/Packs")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(root "$ENV{XDG_CACHE_HOME}/arm/packs")
  else()
    set(root "$ENV{HOME}/.cache/arm/packs")
  endif()
  file(TO_CMAKE_PATH "${root}" root)
  set(${result} "${root}" PARENT_SCOPE)
endfunction()

# CMSIS-NN 4.0 takes its compiler macros from CMSIS-Core, which knows Arm compilers only. Elsewhere use the switch by
# which Arm's own Python bindings do without it; it leaves two macros undefined. __CLZ differs from the builtin for 0
# only, and 4.0 asks it of softmax sums, which are positive.
function(_netspec_cmsis_core root folder defines)
  set(${folder} "" PARENT_SCOPE)
  set(${defines} "" PARENT_SCOPE)
  if(NOT CMAKE_CROSSCOMPILING)
    set(${defines} "__GNUC_PYTHON__;__RESTRICT=__restrict;__CLZ=__builtin_clz" PARENT_SCOPE)
    return()
  endif()
  set(candidates "${root}/../cmsis_core/Include" "${root}/../Core/Include" "${root}/../CMSIS_6/CMSIS/Core/Include"
                 "${root}/../CMSIS_5/CMSIS/Core/Include" "${root}/CMSIS/Core/Include")
  file(GLOB packs "${root}/../../CMSIS/*/CMSIS/Core/Include")
  list(SORT packs COMPARE NATURAL ORDER DESCENDING)
  foreach(candidate "${CMSIS_CORE_PATH}" ${candidates} ${packs})
    if(candidate AND EXISTS "${candidate}/cmsis_compiler.h")
      set(${folder} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "CMSIS-NN 4.0 needs CMSIS-Core: set CMSIS_CORE_PATH to the folder of cmsis_compiler.h")
endfunction()

# Read `header` into `result`, without comments.
function(_netspec_declarations header result)
  file(READ "${header}" text)
  string(REGEX REPLACE "/[*]([^*]|[*]+[^*/])*[*]+/" " " text "${text}")
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# Set `result` to the number of arguments that `declarations` give `function`, -1 if they do not declare it.
function(_netspec_arguments declarations function result)
  if(declarations MATCHES "[ *\n]${function}[ \n]*[(]([^()]*)[)][ \n]*;")
    string(REGEX REPLACE "[^,]" "" commas "${CMAKE_MATCH_1}")
    string(LENGTH "${commas}" count)
    math(EXPR count "${count} + 1")
    set(${result} ${count} PARENT_SCOPE)
  else()
    set(${result} -1 PARENT_SCOPE)
  endif()
endfunction()
