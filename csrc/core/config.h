// SPDX-License-Identifier: Apache-2.0
// Marks the functions that host and device code share. Everything in core/ includes this file and
// nothing from Python, torch or CUDA; all of it is arithmetic on plain values.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define ADASEG_HD __host__ __device__ inline
#else
#define ADASEG_HD inline
#endif
