# CMake's toolchain file for programs of wasmaot:
#
#     cmake -DCMAKE_TOOLCHAIN_FILE=$(wasmaot cc --print-cmake-toolchain) ...
#
# WASMAOT names the command where it is not in PATH; WASMAOT_THREADS makes
# everything for programs with threads; WASMAOT_TARGET is wasm32-wasip1 for
# programs on WASI, and need not be given where WASMAOT_SYSROOT names a sysroot for
# these.

if(NOT WASMAOT)
  if(DEFINED ENV{WASMAOT})
    set(WASMAOT "$ENV{WASMAOT}")
  else()
    find_program(WASMAOT wasmaot REQUIRED)
  endif()
endif()
# What is tried out while configuring reads this file again, without the cache.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WASMAOT WASMAOT_THREADS WASMAOT_TARGET)

set(wasmaot_options "")
if(WASMAOT_THREADS)
  list(APPEND wasmaot_options -pthread)
endif()
if(WASMAOT_TARGET)
  list(APPEND wasmaot_options "--target=${WASMAOT_TARGET}")
endif()

execute_process(
  COMMAND "${WASMAOT}" cc ${wasmaot_options} -dumpmachine
  OUTPUT_VARIABLE wasmaot_machine OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(wasmaot_machine MATCHES "wasi")
  set(CMAKE_SYSTEM_NAME WASI)
  # CMake may not know it, or not that it has shared libraries.
  list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
set(CMAKE_SYSTEM_PROCESSOR wasm32)

set(CMAKE_C_COMPILER "${WASMAOT}" cc ${wasmaot_options})
set(CMAKE_CXX_COMPILER "${WASMAOT}" c++ ${wasmaot_options})
set(CMAKE_ASM_COMPILER "${WASMAOT}" cc ${wasmaot_options})

foreach(tool ar nm objcopy objdump ranlib strip)
  string(TOUPPER ${tool} variable)
  if(NOT CMAKE_${variable})
    execute_process(
      COMMAND "${WASMAOT}" cc -print-prog-name=${tool}
      OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    set(CMAKE_${variable} "${path}" CACHE FILEPATH "")
  endif()
endforeach()

execute_process(
  COMMAND "${WASMAOT}" cc ${wasmaot_options} -print-sysroot
  OUTPUT_VARIABLE wasmaot_sysroot OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
# The host's headers and libraries are not for these programs.
list(APPEND CMAKE_FIND_ROOT_PATH "${wasmaot_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# CMake cannot change the RUNPATH of what is linked, as it does in ELF files when it
# installs them, and Ninja does not link again: what is installed is what was built. Its
# libraries are found by INSTALL_RPATH, else where they were built.
# CMAKE_SKIP_BUILD_RPATH leaves the latter out.
if(NOT DEFINED CMAKE_BUILD_WITH_INSTALL_RPATH)
  set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
  if(NOT CMAKE_SKIP_BUILD_RPATH AND NOT CMAKE_SKIP_RPATH)
    foreach(kind EXE SHARED MODULE)
      string(APPEND CMAKE_${kind}_LINKER_FLAGS_INIT " -Wl,--rpath-inputs")
    endforeach()
  endif()
endif()

# Programs run here, by the command that their first line names.
set(CMAKE_CROSSCOMPILING_EMULATOR "${WASMAOT}" run --dir=.)

# libc has the functions for threads, and those that start one fail in programs
# without -pthread: who asks for threads is to give it.
set(THREADS_PREFER_PTHREAD_FLAG ON)
set(CMAKE_HAVE_LIBC_PTHREAD OFF CACHE INTERNAL "")
