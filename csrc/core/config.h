// SPDX-License-Identifier: Apache-2.0
// Marks the functions that host and device code share. Everything in core/ includes this file and
// nothing from Python, torch or CUDA; all of it is arithmetic on plain values.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define ADASEG_HD __host__ __device__ inline
#elif defined(ADASEG_TARGET) && defined(__GNUC__)
// A file for one instruction set must not leave the linker a copy for all (cpu/simd/loops.h).
#define ADASEG_HD inline __attribute__((always_inline))
#else
#define ADASEG_HD inline
#endif
