# SPDX-License-Identifier: Apache-2.0
#
# The CUDA kernels of csrc/cuda. ADASEG_CUDA = AUTO builds them where nvcc is found, ON requires nvcc,
# OFF leaves them out. Architectures: CMAKE_CUDA_ARCHITECTURES (or CUDAARCHS in the environment); by
# default those of sm_75 to sm_120 that this nvcc knows, and PTX of the newest for future devices.

if(NOT ADASEG_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ADASEG_CUDA must be AUTO, ON or OFF, not '${ADASEG_CUDA}'.")
endif()

set(ADASEG_WITH_CUDA OFF)
if(NOT ADASEG_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  # Checked before the language is enabled: that sets one architecture itself.
  if(NOT CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(adaseg_choose_architectures ON)
    set(CMAKE_CUDA_ARCHITECTURES 75)
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(ADASEG_WITH_CUDA ON)
  elseif(ADASEG_CUDA STREQUAL "ON")
    message(FATAL_ERROR "ADASEG_CUDA is ON, but no working CUDA compiler was found: put nvcc on the "
                        "PATH, or name it in CUDACXX.")
  else()
    message(STATUS "No CUDA compiler was found: the module will have no CUDA kernels.")
  endif()
endif()

# Architectures that nvcc knows, as 75;80;..., the newest also as PTX.
function(adaseg_list_architectures result)
  execute_process(
    COMMAND "${CMAKE_CUDA_COMPILER}" --list-gpu-arch
    OUTPUT_VARIABLE listed
    RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(failed)
    message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} does not list its architectures; name some in "
                        "CMAKE_CUDA_ARCHITECTURES (CUDAARCHS in the environment).")
  endif()
  string(REGEX MATCHALL "compute_[0-9]+" listed "${listed}")
  set(known "")
  foreach(name IN LISTS listed)
    string(REPLACE "compute_" "" number "${name}")
    if(number GREATER_EQUAL 75 AND number LESS_EQUAL 120)
      list(APPEND known ${number})
    endif()
  endforeach()
  list(SORT known COMPARE NATURAL)
  list(GET known -1 newest)
  list(TRANSFORM known APPEND "-real")
  set(${result} ${known} ${newest}-virtual PARENT_SCOPE)
endfunction()

# The kernels decide ties as on the CPU: the compiler adds no fused multiply-adds. The runtime is
# linked in, so that the module loads on machines without CUDA.
function(adaseg_add_cuda target)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS csrc/cuda/*.cu)
  target_sources(${target} PRIVATE ${sources} csrc/bindings/cuda.cpp)
  set(architectures "${CMAKE_CUDA_ARCHITECTURES}")
  if(adaseg_choose_architectures)
    adaseg_list_architectures(architectures)
  endif()
  message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} kernels for ${architectures}")
  set_target_properties(
    ${target}
    PROPERTIES CUDA_ARCHITECTURES "${architectures}"
               CUDA_STANDARD 17
               CUDA_STANDARD_REQUIRED ON
               CUDA_EXTENSIONS OFF
               CUDA_VISIBILITY_PRESET hidden
               CUDA_RUNTIME_LIBRARY Static)
  string(REPLACE ";" " " readable "${architectures}")
  target_compile_definitions(${target} PRIVATE ADASEG_CUDA
                                               "ADASEG_CUDA_ARCHITECTURES=\"${readable}\"")
  if(MSVC)
    set(host_warnings "-Xcompiler=/W4")
  else()
    set(host_warnings "-Xcompiler=-Wall,-Wextra,-fvisibility-inlines-hidden")
  endif()
  set(options --fmad=false ${host_warnings})
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 13) # drivers for it can unpack this
    list(APPEND options --compress-mode=size)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${options}>")
endfunction()
