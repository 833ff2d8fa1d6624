// SPDX-License-Identifier: Apache-2.0
// The loops for every machine of an architecture: SSE2 on x86-64, NEON on aarch64. With
// ADASEG_NO_VECTORS, and for compilers that have no vector types, in plain numbers.
#if defined(__aarch64__)
#define ADASEG_TARGET "neon"
#else
#define ADASEG_TARGET "baseline"
#endif
#if defined(__GNUC__) && !defined(ADASEG_NO_VECTORS)
#define ADASEG_WIDTH 16
#else
#define ADASEG_WIDTH 1
#endif

#include "cpu/simd/target.h"

namespace adaseg {
const Loops *const baseline_loops = &table;
} // namespace adaseg
