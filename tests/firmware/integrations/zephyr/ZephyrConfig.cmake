# What a module of Zephyr meets in find_package(Zephyr), as far as its documentation promises it to modules: options
# of Kconfig as CMake variables, the functions zephyr_*, modules added as subdirectories, and an application whose
# program takes every object of every library, and drops the sections that nothing refers to.
#
# CONFIG_FILE        lines CONFIG_X=y, as Kconfig writes .config
# ZEPHYR_MODULES     folder;folder  of modules whose build.cmake is zephyr
# CMSIS_NN_FOLDER    Zephyr's module cmsis-nn, with HOST_DEFINES to compile it with

file(STRINGS "${CONFIG_FILE}" lines REGEX "^CONFIG_[A-Z0-9_]+=y$")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "=y$" "" option "${line}")
  set(${option} y)
endforeach()

add_library(zephyr_interface INTERFACE)
target_compile_options(zephyr_interface INTERFACE -ffunction-sections -fdata-sections)
add_library(app STATIC)
target_link_libraries(app PUBLIC zephyr_interface)
set_property(GLOBAL PROPERTY ZEPHYR_LIBS app)

macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC "")
  set_property(GLOBAL APPEND PROPERTY ZEPHYR_LIBS ${name})
  target_link_libraries(${name} PUBLIC zephyr_interface)
endmacro()

function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()

function(zephyr_include_directories)
  target_include_directories(zephyr_interface INTERFACE ${ARGN})
endfunction()

# Zephyr's module cmsis-nn: an option a folder of sources.
set(ZEPHYR_CMSIS_NN_MODULE_DIR "${CMSIS_NN_FOLDER}")
if(CONFIG_CMSIS_NN)
  zephyr_library_named(modules__cmsis-nn)
  zephyr_include_directories("${CMSIS_NN_FOLDER}/Include")
  target_compile_definitions(zephyr_interface INTERFACE ${HOST_DEFINES})
  target_compile_options(modules__cmsis-nn PRIVATE -w -include stdint.h)
  foreach(folder Activation BasicMath Concatenation Convolution FullyConnected NNSupport Pooling Reshape Softmax SVD LSTM)
    string(TOUPPER ${folder} option)
    if(CONFIG_CMSIS_NN_${option})
      file(GLOB sources "${CMSIS_NN_FOLDER}/Source/${folder}Functions/*.c")
      list(FILTER sources EXCLUDE REGEX "_(f16|f32)[.]c$")
      zephyr_library_sources(${sources})
    endif()
  endforeach()
endif()

set(number 0)
foreach(module IN LISTS ZEPHYR_MODULES)
  math(EXPR number "${number} + 1")
  add_subdirectory("${module}/zephyr" "modules/${number}")
endforeach()

file(WRITE "${CMAKE_BINARY_DIR}/empty.c" "")
add_executable(zephyr_elf "${CMAKE_BINARY_DIR}/empty.c")
get_property(libraries GLOBAL PROPERTY ZEPHYR_LIBS)
target_link_libraries(zephyr_elf PRIVATE -Wl,--gc-sections -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive)
